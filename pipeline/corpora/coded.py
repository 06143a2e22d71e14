"""Corpora whose file names say all. An adapter is then data: a pattern, tables of codes, and where the texts are."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.entries import Adapter, Candidate, Entry, Fault, unheard
from pipeline.corpora.texts import Codes, Texts, TextSource
from pipeline.corpora.transcripts import MAX_METADATA_BYTES
from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams, SplitName
from schemas.reasons import Reason

Genders = Callable[[Tree], Mapping[str, str]]


@dataclass(frozen=True)
class CodedNames(Adapter):
    """Adapter of a corpus whose file names are codes.

    A path that the pattern does not fit, or with an unknown code of emotion, intensity or split, is NAME_UNPARSED. A corpus
    without emotions, intensities or splits leaves the table empty.

    Parameters
    ----------
    layout
        As for every `Adapter`.
    path
        Pattern of a whole path below the root. The groups ``stem`` and ``speaker`` are needed; ``emotion``, ``intensity`` and
        ``subset`` are looked up in the tables below; the text source may use any.
    texts
        Where the texts are, see `pipeline.corpora.texts`.
    emotions
        Code to the corpus's own label, which `canonical_emotion` knows.
    intensities
        Code to intensity in 0 .. 1, or None where the code says that it is not specified. Neutral speech has none.
    subsets
        Code to the corpus's own split.
    speakers
        Misspelt speakers to what is meant.
    genders
        Gender of each known speaker, given the corpus.
    ignored
        Pattern of paths that are no utterances of the corpus.
    """

    layout: str
    path: re.Pattern[str]
    texts: TextSource
    emotions: Mapping[str, str] = field(default_factory=dict)
    intensities: Mapping[str, float | None] = field(default_factory=dict)
    subsets: Mapping[str, SplitName] = field(default_factory=dict)
    speakers: Mapping[str, str] = field(default_factory=dict)
    genders: Genders = lambda tree: {}  # noqa: ARG005
    ignored: re.Pattern[str] | None = None

    def ignores(self, path: str, params: CorpusParams) -> bool:  # noqa: ARG002
        """Whether the path fits `ignored`."""
        return self.ignored is not None and self.ignored.fullmatch(path) is not None

    def entries(self, tree: Tree, params: CorpusParams) -> Iterator[Entry]:  # noqa: ARG002
        """All from the name but the text; see `Adapter`."""
        texts, genders = self.texts(tree), self.genders(tree)
        for path in tree.audio:
            if match := self.path.fullmatch(path):
                yield self._entry(path, match.groupdict(default=""), texts, genders)
        for clip in sorted(texts.clips - {_without_suffix(path) for path in tree.audio}):
            why = f"the transcripts name {clip}, which is not there; restore it or remove its line"
            match = self.path.fullmatch(f"{clip}.wav")
            yield unheard(tree, clip, why, *(match.group("speaker", "stem") if match else (None, None)))

    def _entry(self, path: str, codes: Codes, texts: Texts, genders: Mapping[str, str]) -> Entry:
        for name, table in (("emotion", self.emotions), ("intensity", self.intensities), ("subset", self.subsets)):
            if table and codes[name] not in table:
                detail = f"{name} code {codes[name]!r} is none of {', '.join(sorted(table))}; rename or remove the file"
                return Fault(path, RowError(Reason.NAME_UNPARSED, detail))
        stem, speaker = codes["stem"], self.speakers.get(codes["speaker"], codes["speaker"])
        try:
            text = texts.find(codes)
        except RowError as error:
            return Fault(path, error, speaker, stem)
        label = self.emotions.get(codes.get("emotion", ""), "")
        emotion = canonical_emotion(label)
        intensity = None if emotion == "neutral" else self.intensities.get(codes.get("intensity", ""))
        split = self.subsets.get(codes.get("subset", ""))
        return Candidate(stem, path, speaker, text, emotion, label, genders.get(speaker, "unknown"), intensity, split)


def _without_suffix(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()


def of_speakers(female: str = "", male: str = "") -> Genders:
    """Genders that the corpus's documentation gives: names parted by spaces."""
    genders = dict.fromkeys(female.split(), "female") | dict.fromkeys(male.split(), "male")
    return lambda tree: genders  # noqa: ARG005


def in_file(files: tuple[str, ...], line: str, prefix: str = "") -> Genders:
    """Genders from the first of `files` that can be read.

    Parameters
    ----------
    files
        Below the root.
    line
        Regular expression with the groups ``speaker`` and ``gender``, whose first letter is F or M in any case; searched in each line.
    prefix
        What speakers' names in the file may lack.
    """
    pattern = re.compile(line, re.MULTILINE)

    def read(tree: Tree) -> Mapping[str, str]:
        for file in files:
            data = tree.read_if_there(file, MAX_METADATA_BYTES)
            if data is None:
                continue
            text = data.decode(errors="replace")
            genders = {match["speaker"]: "female" if match["gender"].upper() == "F" else "male" for match in pattern.finditer(text)}
            return genders | {prefix + speaker: gender for speaker, gender in genders.items()}
        return {}

    return read
