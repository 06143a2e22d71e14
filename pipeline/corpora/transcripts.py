"""Transcripts from bytes: strict UTF-8 with or without byte order mark, any line ends."""

import codecs

from pipeline.corpora.tree import has_control_characters
from schemas.errors import RowError
from schemas.reasons import Reason

MAX_TRANSCRIPT_BYTES = 1 << 16  # of one utterance
MAX_METADATA_BYTES = 1 << 28  # of a whole corpus


def decode(data: bytes, encoding: str = "utf-8") -> str:
    """Text without byte order mark.

    Raises
    ------
    RowError
        TEXT_UNREADABLE; its value is the offset of the first wrong byte.
    """
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the transcript is not {encoding}: {error.reason}; convert it with iconv"
        raise RowError(Reason.TEXT_UNREADABLE, detail, error.start) from None


def byte_lines(data: bytes) -> list[bytes]:
    """Lines of a text file without their ends, byte order mark or empty lines; LF, CRLF and CR end a line."""
    return [line for line in data.removeprefix(codecs.BOM_UTF8).splitlines() if line.strip()]


def spoken(text: str) -> str:
    """`text` as a table holds it: outer white space removed, line breaks and tabs as one space.

    Raises
    ------
    RowError
        TEXT_EMPTY if no letter or digit is in it, TEXT_UNREADABLE if control characters or bytes that are no UTF-8 are, or it is longer
        than `MAX_TRANSCRIPT_BYTES`.
    """
    if len(text.encode(errors="replace")) > MAX_TRANSCRIPT_BYTES:
        detail = f"the transcript has more than {MAX_TRANSCRIPT_BYTES} bytes; look for a missing quote or line end"
        raise RowError(Reason.TEXT_UNREADABLE, detail)
    line = " ".join(part for part in (piece.strip() for piece in text.replace("\t", "\n").splitlines()) if part)
    if has_control_characters(line):
        raise RowError(Reason.TEXT_UNREADABLE, "the transcript has control characters; is it UTF-16? convert it with iconv")
    if not any(character.isalnum() for character in line):
        raise RowError(Reason.TEXT_EMPTY, f"the transcript {line[:40]!r} holds no letters or digits; write what is said")
    return line
