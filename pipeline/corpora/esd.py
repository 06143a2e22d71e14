"""Emotional Speech Dataset (ESD): ``0011/0011.txt`` and ``0011/Angry/0011_000351.wav``.

Also its first release, with ``train``, ``test`` or ``evaluation`` below the emotion. Genders as in its ReadMe. Source: Zhou, Sisman,
Liu, Li (2021), "Seen and unseen emotional style transfer for voice conversion with a new emotional speech dataset".
"""

import codecs
import re
from collections.abc import Iterator

from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault
from pipeline.corpora.transcripts import MAX_METADATA_BYTES, byte_lines, decode
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams, SplitName
from schemas.reasons import Reason

_EMOTIONS = {"angry": "angry", "happy": "happy", "neutral": "neutral", "sad": "sad", "surprise": "surprised", "surprised": "surprised"}
_FEMALE = frozenset(["0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019"])
_MALE = frozenset(["0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020"])
_AUDIO = re.compile(
    r"(?P<speaker>\d{4})/(?P<label>[^/]+)/(?:(?P<subset>train|test|evaluation)/)?(?P<stem>(?P=speaker)_(?P<number>\d+))\.\w+"
)
_SUBSETS: dict[str, SplitName] = {"train": "train", "evaluation": "validation", "test": "test"}
_LINE = re.compile(r"(?P<stem>\d{4}_\d+)\s+(?P<rest>\S.*)", re.DOTALL)
_LABEL_BY_SPACE = re.compile(r"\s(?:Angry|Happy|Neutral|Sad|Surprise)$")

Transcripts = dict[str, str | RowError]


class Esd(Adapter):
    """Adapter of ESD."""

    layout = "0011/0011.txt with lines `0011_000351<tab>text<tab>Angry`, and 0011/Angry/0011_000351.wav"

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:  # noqa: ARG002
        """Emotion from the folder, text from the speaker's transcript; see `Adapter`."""
        speakers = [name for name in tree.folders() if re.fullmatch(r"\d{4}", name)]
        transcripts = {speaker: _transcripts(tree, speaker) for speaker in speakers}
        seen = set()
        for path in tree.audio:
            if (parts := _AUDIO.fullmatch(path)) and parts["label"].casefold() in _EMOTIONS:
                yield _entry(path, parts, transcripts[parts["speaker"]])
                seen.add(parts["stem"])
        for speaker, lines in transcripts.items():
            for stem in sorted(lines.keys() - seen):
                missing = RowError(Reason.AUDIO_MISSING, f"{speaker}/{speaker}.txt names {stem}, no audio file does")
                yield Fault(f"{speaker}/{stem}", missing, speaker, stem)


def _entry(path: str, parts: re.Match[str], transcripts: Transcripts) -> Entry:
    speaker, label, stem = parts["speaker"], parts["label"], parts["stem"]
    unnamed = RowError(Reason.TEXT_MISSING, f"{speaker}/{speaker}.txt has no line for {stem}, or is not there; add it")
    text = transcripts.get(stem, unnamed)
    if isinstance(text, RowError):
        return Fault(path, text, speaker, stem)
    gender = "female" if speaker in _FEMALE else "male" if speaker in _MALE else "unknown"
    split = _SUBSETS[parts["subset"]] if parts["subset"] else _split(int(parts["number"]))
    return Candidate(stem, path, speaker, text, _EMOTIONS[label.casefold()], label, gender, split=split)


def _split(number: int) -> SplitName:
    """The corpus's own partition: of each emotion's 350 sentences the first 20 are for evaluation, the next 30 for the test."""
    sentence = (number - 1) % 350
    return "validation" if sentence < 20 else "test" if sentence < 50 else "train"


def _transcripts(tree: Tree, speaker: str) -> Transcripts:
    """Text, or why there is none, of each stem in a speaker's transcript; empty if that is missing or cannot be read."""
    data = tree.read_if_there(f"{speaker}/{speaker}.txt", MAX_METADATA_BYTES)
    if data is None:
        return {}
    found: Transcripts = {}
    for line in _text_lines(data, speaker):
        stem, text = _parse(line) if isinstance(line, str) else (_stem_of(line[0]), line[1])
        if stem and found.setdefault(stem, text) != text:
            found[stem] = RowError(Reason.TEXT_MISSING, f"{speaker}.txt names {stem} twice with different texts; keep one line")
    return found


def _text_lines(data: bytes, speaker: str) -> list[str | tuple[bytes, RowError]]:
    """Decoded lines, or the bytes of a line and its fault.

    The released transcripts are a mix: UTF-16 with byte order mark (most), UTF-8, and by speaker GB2312 (Mandarin) or Latin 1
    (0016 and 0017), so each line that is not UTF-8 is tried in its speaker's legacy encoding.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return [_whole(line) for line in data.decode("utf-16", errors="replace").splitlines() if line.strip()]
    legacy = "gb18030" if speaker <= "0010" else "cp1252"
    lines: list[str | tuple[bytes, RowError]] = []
    for line in byte_lines(data):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(_legacy_line(line, legacy))
    return lines


def _whole(line: str) -> str | tuple[bytes, RowError]:
    broken = RowError(Reason.TEXT_UNREADABLE, "the line has a broken UTF-16 character; type it again")
    return (line.encode(), broken) if "\ufffd" in line else line


def _legacy_line(line: bytes, encoding: str) -> str | tuple[bytes, RowError]:
    try:
        return decode(line, encoding)
    except RowError as error:
        return line, error


def _parse(line: str) -> tuple[str, str]:
    """Stem and text of a line whose fields may be parted by spaces where tabs should be; ("", "") if it names no stem."""
    fields = _LINE.fullmatch(line.lstrip("\ufeff").strip())
    if not fields:
        return "", ""
    text, tab, _ = fields["rest"].rpartition("\t")
    return fields["stem"], (text if tab else _LABEL_BY_SPACE.sub("", fields["rest"])).strip()


def _stem_of(line: bytes) -> str:
    return _parse(line.decode("ascii", errors="replace"))[0]
