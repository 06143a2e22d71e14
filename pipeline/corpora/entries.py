"""What an adapter gives: candidates and faults. And what an adapter is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pipeline.corpora.tree import Tree
from schemas.errors import RowError
from schemas.params import CorpusParams, SplitName
from schemas.reasons import Reason


@dataclass(frozen=True)
class Candidate:
    """An audio file with its metadata; whether its samples are good is not known yet.

    Parameters
    ----------
    stem
        Last part of the utterance id; unique for a speaker.
    audio_path
        Relative to the corpus root, forward slashes, one of `Tree.audio`.
    speaker
        The corpus's own name, without the corpus.
    text
        What is said, as the corpus gives it.
    emotion
        One of `schemas.tables.utterances.EMOTIONS`.
    emotion_label
        The corpus's own label; "" where it has none.
    gender
        One of `schemas.tables.utterances.GENDERS`.
    intensity
        0 .. 1; None where the corpus has none.
    split
        The corpus's own; None where it has none.
    """

    stem: str
    audio_path: str
    speaker: str
    text: str
    emotion: str = "unknown"
    emotion_label: str = ""
    gender: str = "unknown"
    intensity: float | None = None
    split: SplitName | None = None


@dataclass(frozen=True)
class Fault:
    """An audio file, or a line of metadata, that cannot become an utterance.

    Parameters
    ----------
    path
        The audio file relative to the root; for a line of metadata, where its audio should be.
    error
        Why.
    speaker, stem
        Both, where they are known: then the reject carries the utterance's id.
    """

    path: str
    error: RowError
    speaker: str | None = None
    stem: str | None = None


Entry = Candidate | Fault


def unheard(tree: Tree, path: str, why: str, speaker: str | None, stem: str | None) -> Fault:
    """The fault of metadata that names a file which is not there; a path that leaves the corpus is told as that, and gives no id."""
    try:
        tree.inside(path)
    except RowError as error:
        return Fault(path, error)
    return Fault(path, RowError(Reason.AUDIO_MISSING, why), speaker, stem)


class Adapter(Protocol):
    """Reader of one corpus layout. It reads metadata only; audio files that it passes over become NAME_UNPARSED faults.

    Attributes
    ----------
    layout
        What it looks for, in a line, for error messages.
    """

    layout: str

    def ignores(self, path: str, params: CorpusParams) -> bool:  # noqa: ARG002
        """Whether an audio file is known to be no utterance of the corpus. Such files are counted; no other is ever passed over."""
        return False

    def entries(self, tree: Tree, params: CorpusParams) -> Iterable[Entry]:
        """Candidates and faults, in any order.

        Raises
        ------
        CorpusError
            If the corpus as a whole cannot be read.
        """
