"""The files of a corpus folder, and reading them without leaving it."""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
        Absolute, links resolved.
    audio
        Audio files by suffix, relative to the root with forward slashes, sorted.
    faults
        Of the audio files and links that no adapter may touch: path and why.
    n_ignored
        Audio files and links known not to be part of the corpus.
    """

    name: str
    root: Path
    audio: tuple[str, ...]
    faults: tuple[tuple[str, RowError], ...]
    n_ignored: int

    def read(self, path: str, max_bytes: int) -> bytes:
        """Bytes of a metadata file.

        Raises
        ------
        RowError
            TEXT_MISSING, TEXT_UNREADABLE (too large, not a file, no permission) or PATH_OUTSIDE_ROOT.
        """
        inside = self.inside(path)
        try:
            if not inside.exists():
                raise RowError(Reason.TEXT_MISSING, f"{path} is not there; add it")
            if not inside.is_file() or inside.stat().st_size > max_bytes:
                raise RowError(Reason.TEXT_UNREADABLE, f"{path} is not a file of at most {max_bytes} bytes; look at it")
            return inside.read_bytes()
        except OSError as error:
            raise RowError(Reason.TEXT_UNREADABLE, f"{path}: {error.strerror}; allow reading it") from None

    def inside(self, path: str) -> Path:
        """Absolute path of `path`, which is relative to the root.

        Raises
        ------
        RowError
            PATH_OUTSIDE_ROOT if `path` is absolute, has a ``..``, or is or passes a link that leaves the root.
        """
        lexical = PurePosixPath(path)
        if lexical.is_absolute() or ".." in lexical.parts or "\0" in path or not _within(self.root / path, self.root):
            raise RowError(Reason.PATH_OUTSIDE_ROOT, f"{path!r} leaves the corpus root; copy the file into the corpus")
        return self.root / path


def scan(name: str, root: Path, ignores: Callable[[str], bool]) -> Tree:
    """List a corpus folder but for what `ignores` says. Links are not walked: what they lead to inside the root is met at its own place.

    Raises
    ------
    CorpusError
        If `root` is no folder, or a folder in it may not be read.
    """
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


def _within(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)


def _raise(error: OSError) -> None:
    raise CorpusError(f"{error.filename} cannot be listed: {error.strerror}; allow reading it, or move it out of the corpus")
