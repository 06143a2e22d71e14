"""The aligner of corpora that have TextGrids: finding the file of each recording, and phones that tile the recording from its tiers."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.aligners.alignment import END_TOLERANCE_S, Alignment, Spoken, speech, tile
from pipeline.aligners.textgrid import read_document, unreadable
from pipeline.storage import Bucket, Root
from schemas.errors import RowError
from schemas.params import TextGridParams
from schemas.reasons import Reason
from schemas.tables.alignments import Interval

MAX_PHONE_CHARS = 100  # a longer label is a text, not a phone


class TextGridFolder:
    """The ``<stem>.TextGrid`` files below a folder, found once and looked up by an audio file's path.

    Parameters
    ----------
    folder
        A folder, or the same in a bucket. Searched to any depth; links to folders are not followed.

    Raises
    ------
    StorageError
        If the bucket cannot be listed.
    """

    def __init__(self, folder: Root) -> None:
        self._name = PurePosixPath(str(folder)).name
        self._by_stem: dict[str, list[PurePosixPath]] = {}
        for path in sorted(_files_below(folder)):
            if path.suffix.lower() == ".textgrid":
                self._by_stem.setdefault(path.stem, []).append(path)

    def find(self, audio_path: str, stem_is_shared: bool) -> PurePosixPath:
        """The TextGrid of an audio file, below the folder: of those with its stem, the one whose last folders are most like the audio's.

        Parameters
        ----------
        audio_path
            Relative to the corpus root.
        stem_is_shared
            Whether other recordings have the same stem; then a TextGrid from another folder may be another recording's, and is
            not taken.

        Raises
        ------
        RowError
            `ALIGNMENT_MISSING` if there is none, `ALIGNMENT_UNREADABLE` if several could be meant.
        """
        audio = PurePosixPath(audio_path)
        named = self._by_stem.get(audio.stem, [])
        likest = max((_likeness(path, audio) for path in named), default=0)
        found = [path for path in named if _likeness(path, audio) == likest]
        if not found or (stem_is_shared and not likest):
            raise RowError(Reason.ALIGNMENT_MISSING, f"no TextGrid for {audio_path} under {self._name}/")
        if len(found) > 1:
            raise RowError(Reason.ALIGNMENT_UNREADABLE, f"{len(found)} TextGrids could be meant: {', '.join(map(str, found))}")
        return found[0]


def _files_below(folder: Root) -> Iterator[PurePosixPath]:
    """Files by their paths below `folder`, less links that leave it."""
    if isinstance(folder, Bucket):
        yield from (PurePosixPath(path) for path, _ in folder.objects() if PurePosixPath(path).as_posix() == path)
        return
    real = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_file() and path.resolve().is_relative_to(real):
            yield PurePosixPath(path.relative_to(folder).as_posix())


def _likeness(path: PurePosixPath, audio: PurePosixPath) -> int:
    """How many folders above the file, from the last, have the same names; one more if all."""
    if path.parent == audio.parent:
        return len(audio.parts)
    pairs = zip(reversed(path.parent.parts), reversed(audio.parent.parts), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(path.parent.parts), len(audio.parent.parts)))


def align_textgrid(path: Path, spoken: Spoken, params: TextGridParams) -> Alignment:
    """The alignment that a TextGrid holds, as phones that tile the recording.

    Raises
    ------
    RowError
        As `read_textgrid` and `tile`; `ALIGNMENT_UNREADABLE` without the phone tier, `ALIGNMENT_MISMATCH` if the file is for
        audio of another length.
    """
    end_s, tiers = read_document(path)
    if abs(end_s - spoken.duration_s) > END_TOLERANCE_S:
        detail = f"{path.name} is {end_s:.4f} s long, the audio {spoken.duration_s:.4f} s"
        raise RowError(Reason.ALIGNMENT_MISMATCH, detail, end_s - spoken.duration_s)
    phone_tier = _tier(tiers, params.phone_tier)
    if phone_tier is None:
        raise unreadable(path, f"no interval tier '{params.phone_tier}'; it has {', '.join(tiers) or 'none'}")
    for interval in phone_tier:
        if len(interval.label) > MAX_PHONE_CHARS:
            raise unreadable(path, f"the phone tier has a label of {len(interval.label)} characters; is it the tier with phones?")
    return Alignment(
        words=speech(_tier(tiers, params.word_tier) or [], spoken.duration_s),
        phones=tile(phone_tier, spoken.duration_s),
        duration_s=spoken.duration_s,
        score=None,
        text_read="",
        aligner="textgrid",
    )


def _tier(tiers: dict[str, list[Interval]], name: str) -> Sequence[Interval] | None:
    """The tier called `name`, alone or after a speaker (``speaker - phones``, as MFA writes); "*" is the fullest, first of equals."""
    if name == "*":
        return max(tiers.values(), key=len, default=None)
    if name in tiers:
        return tiers[name]
    of_speakers = [intervals for full_name, intervals in tiers.items() if full_name.endswith(f" - {name}")]
    return of_speakers[0] if len(of_speakers) == 1 else None
