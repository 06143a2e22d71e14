"""The files of a corpus, and reading them without leaving it."""

import os
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.storage import Bucket, ReadAhead, Root
from schemas.errors import CorpusError, RowError
from schemas.reasons import Reason

# What libsndfile cannot decode (.m4a, .aac, .wma) is listed all the same: it must end as a reject, not unseen.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64"}
    | {".rf64", ".sph", ".nist", ".m4a", ".aac", ".wma"}
)


@dataclass(frozen=True)
class Tree:
    """The audio files of a corpus.

    Parameters
    ----------
    name
        The corpus's key in `params.yaml`.
    root
        A folder, absolute with links resolved; or a bucket.
    audio
        Audio files by suffix, relative to the root with forward slashes, sorted.
    faults
        Of the audio files and links that no adapter may touch: path and why.
    n_ignored
        Audio files and links known not to be part of the corpus.
    objects
        Of a bucket: path and size in bytes of each object.
    """

    name: str
    root: Root
    audio: tuple[str, ...]
    faults: tuple[tuple[str, RowError], ...]
    n_ignored: int
    objects: Mapping[str, int] = field(default_factory=dict)

    def read(self, path: str, max_bytes: int) -> bytes:
        """Bytes of a metadata file.

        Raises
        ------
        RowError
            TEXT_MISSING, TEXT_UNREADABLE (too large, not a file, no permission), PATH_OUTSIDE_ROOT, or as `ReadAhead.read`.
        """
        inside = self.inside(path)
        if inside is None:
            return self._texts.read(path, max_bytes)
        try:
            if not inside.exists():
                raise RowError(Reason.TEXT_MISSING, f"{path} is not there; add it")
            if not inside.is_file() or inside.stat().st_size > max_bytes:
                raise RowError(Reason.TEXT_UNREADABLE, f"{path} is not a file of at most {max_bytes} bytes; look at it")
            return inside.read_bytes()
        except OSError as error:
            raise RowError(Reason.TEXT_UNREADABLE, f"{path}: {error.strerror}; allow reading it") from None

    def read_if_there(self, path: str, max_bytes: int) -> bytes | None:
        """As `read`, for metadata that a corpus can do without: None where there is no such file, or none that can be read.

        Raises
        ------
        CorpusError
            If a bucket holds it but does not give it: this may pass, and the rows would be others tomorrow.
        """
        try:
            return self.read(path, max_bytes)
        except RowError as error:
            if error.reason == Reason.STORAGE_FAILED:
                raise CorpusError(f"corpus '{self.name}': {error.detail}") from None
            return None

    def inside(self, path: str) -> Path | None:
        """Absolute path of `path`, which is relative to the root; None in a bucket.

        Raises
        ------
        RowError
            PATH_OUTSIDE_ROOT if `path` is absolute, has a ``..``, or is or passes a link that leaves the root.
        """
        lexical = PurePosixPath(path)
        leaves = lexical.is_absolute() or ".." in lexical.parts or "\0" in path
        if leaves or (isinstance(self.root, Path) and not _within(self.root / path, self.root)):
            raise RowError(Reason.PATH_OUTSIDE_ROOT, f"{path!r} leaves the corpus root; copy the file into the corpus")
        return self.root / path if isinstance(self.root, Path) else None

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path).is_file() if isinstance(self.root, Path) else path in self.objects

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a folder, or a link to one."""
        return isinstance(self.root, Path) and (self.root / path).is_dir()

    def folders(self) -> list[str]:
        """Names of the folders directly below the root, sorted; no links."""
        if isinstance(self.root, Path):
            return sorted(entry.name for entry in self.root.iterdir() if entry.is_dir() and not entry.is_symlink())
        return sorted({path.partition("/")[0] for path in self.objects if "/" in path})

    @cached_property
    def _texts(self) -> ReadAhead:
        assert isinstance(self.root, Bucket)
        return ReadAhead(self.root, self.objects)


def scan(name: str, root: Root, ignores: Callable[[str], bool]) -> Tree:
    """List a corpus but for what `ignores` says. Links are not walked: what they lead to inside the root is met at its own place.

    Raises
    ------
    CorpusError
        If `root` is no folder, or a folder in it may not be read.
    StorageError
        If the bucket cannot be listed.
    """
    if isinstance(root, Bucket):
        return _scan_bucket(name, root, ignores)
    if not root.is_dir():
        raise CorpusError(f"corpus '{name}': {root} is not a folder; set `corpora.{name}.root` to where the corpus lies")
    real, audio, faults, n_ignored = root.resolve(), [], [], 0
    for folder, subfolders, files in os.walk(real, onerror=_raise):
        here = Path(folder).relative_to(real)
        links = [link for link in subfolders if (real / here / link).is_symlink()]
        subfolders[:] = sorted(s for s in subfolders if s not in links)
        for file in [*links, *(f for f in files if is_audio(f))]:
            path = (here / file).as_posix()
            if ignores(path):
                n_ignored += 1
                continue
            fault = _path_fault(path, real)
            if fault is not None:
                faults.append((path, fault))
            elif file not in links:
                audio.append(path)
    return Tree(name, real, tuple(sorted(audio)), tuple(sorted(faults, key=lambda found: found[0])), n_ignored)


def _scan_bucket(name: str, bucket: Bucket, ignores: Callable[[str], bool]) -> Tree:
    objects = dict(bucket.objects())
    if not objects:
        raise CorpusError(f"corpus '{name}': nothing is under {bucket}/; set `corpora.{name}.root` to where the corpus lies")
    sound = sorted(path for path in objects if is_audio(path))
    wanted = [path for path in sound if not ignores(path)]
    faults = [(path, fault) for path in wanted if (fault := _key_fault(path)) is not None]
    refused = {path for path, _ in faults}
    return Tree(name, bucket, tuple(path for path in wanted if path not in refused), tuple(faults), len(sound) - len(wanted), objects)


def is_audio(path: str) -> bool:
    """Whether the suffix, in any case, is an audio format's."""
    return PurePosixPath(path).suffix.lower() in AUDIO_SUFFIXES


def has_control_characters(text: str) -> bool:
    """Whether `text` has characters that no table may hold: control characters, or bytes of a name that is not UTF-8."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _path_fault(path: str, root: Path) -> RowError | None:
    if has_control_characters(path):
        return RowError(Reason.NAME_UNPARSED, "the name has control characters or is not UTF-8; rename it")
    if (root / path).is_symlink() and not _within(root / path, root):  # resolving walks the whole path: links only
        return RowError(Reason.PATH_OUTSIDE_ROOT, f"{path} is a link that leaves the corpus root; copy what it leads to")
    return None


def _key_fault(path: str) -> RowError | None:
    """Why an object's key cannot be a file's path."""
    if ".." in path.split("/"):
        return RowError(Reason.PATH_OUTSIDE_ROOT, f"{path!r} leaves the corpus root; copy the object to a key without '..'")
    if has_control_characters(path) or PurePosixPath(path).as_posix() != path or path.startswith("/"):
        return RowError(Reason.NAME_UNPARSED, "the key has control characters, an empty part or '.'; rename it")
    return None


def _within(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)


def _raise(error: OSError) -> None:
    raise CorpusError(f"{error.filename} cannot be listed: {error.strerror}; allow reading it, or move it out of the corpus")
