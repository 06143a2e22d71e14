"""Where the texts of a corpus with coded file names come from: a table in the adapter, a file for each clip, or one file for all.

A `TextSource`, given the corpus, gives its `Texts`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.corpora.transcripts import MAX_METADATA_BYTES, MAX_TRANSCRIPT_BYTES, byte_lines, decode
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.reasons import Reason

Codes = Mapping[str, str]  # the named groups of a file name


@dataclass(frozen=True)
class Texts:
    """The texts of one corpus.

    Parameters
    ----------
    find
        The text of a clip by the codes of its name; raises a `RowError` that says why there is none.
    clips
        Paths without suffix of the clips that a file names one by one; empty where no file does.
    """

    find: Callable[[Codes], str]
    clips: frozenset[str] = frozenset()


TextSource = Callable[[Tree], Texts]


def sentences(table: Mapping[str, str], key: str = "{sentence}") -> TextSource:
    """Texts fixed by the corpus's design, by a code: ``key`` names it with the groups of the file name."""

    def find(codes: Codes) -> str:
        code = key.format_map(codes)
        if code not in table:
            raise RowError(Reason.TEXT_MISSING, f"sentence {code} is none of {', '.join(table)}; its text is not known")
        return table[code]

    return lambda tree: Texts(find)  # noqa: ARG005


def carrier_phrase(phrase: str) -> TextSource:
    """One phrase that holds codes of the file name, such as ``Say the word {sentence}.``."""
    return lambda tree: Texts(phrase.format_map)  # noqa: ARG005


def file_of_each(path: str) -> TextSource:
    """A text file a clip, at ``path`` below the root, in which groups of the audio file's name may stand."""
    return lambda tree: Texts(lambda codes: decode(tree.read(path.format_map(codes), MAX_TRANSCRIPT_BYTES)))


def lines_of(file: str, line: str, keys: tuple[str, ...], clip: str | None = None) -> TextSource:
    """One file for all clips.

    Parameters
    ----------
    file
        Below the root.
    line
        Regular expression of a line, with the groups ``key`` and ``text``; lines that do not match it are no transcripts.
    keys
        What to look up, the first that a line has: groups of the audio file's name, as in ``{speaker}_{sentence}``.
    clip
        Where each line names a clip: its path without suffix, of which ``{key}`` is a part.
    """

    def read(tree: Tree) -> Texts:
        try:
            found = _parsed(byte_lines(tree.read(file, MAX_METADATA_BYTES)), re.compile(line), file)
        except RowError as error:
            unread = error
            return Texts(lambda codes: _give(unread))  # noqa: ARG005

        def find(codes: Codes) -> str:
            wanted = [key.format_map(codes) for key in keys]
            absent = RowError(Reason.TEXT_MISSING, f"{file} has no line for {' or '.join(wanted)}; add one")
            return _give(next((found[key] for key in wanted if key in found), absent))

        return Texts(find, frozenset(clip.format(key=key) for key in found) if clip is not None else frozenset())

    return read


def _parsed(lines: list[bytes], pattern: re.Pattern[str], file: str) -> dict[str, str | RowError]:
    """Text of each key, or why it has none."""
    found: dict[str, str | RowError] = {}
    for line in lines:
        if parts := pattern.fullmatch(line.decode(errors="replace").strip()):
            text = _text(parts, file)
            if found.setdefault(parts["key"], text) != text:
                found[parts["key"]] = RowError(Reason.TEXT_MISSING, f"{file} has different texts for {parts['key']}; keep one line")
    return found


def _text(parts: re.Match[str], file: str) -> str | RowError:
    if "\ufffd" in parts["text"]:
        return RowError(Reason.TEXT_UNREADABLE, f"{file}: the line of {parts['key']} is not UTF-8; convert the file with iconv")
    return parts["text"].strip()


def _give(text: str | RowError) -> str:
    if isinstance(text, RowError):
        raise text
    return text
