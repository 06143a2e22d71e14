"""Where a corpus lies: a folder, or a prefix of an S3 bucket, read through fsspec.

A folder is a `Path`, used as it is. Objects of a bucket are listed page by page, and copied to a file of their own name while a stage
looks at them, because libsndfile reads files. An object that is not there gives a copy that is not there: the stages judge both kinds of
root by the same code, and write the same bytes.

Credentials, endpoint, retries and time-outs come from where AWS's own tools take them (``AWS_PROFILE``, ``AWS_ENDPOINT_URL``,
``AWS_MAX_ATTEMPTS``, ``~/.aws/config``), never from `params.yaml`. See docs/storage.md.
"""

import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from schemas.errors import DependencyError, ParamsError, RowError, StorageError
from schemas.reasons import Reason

MAX_OBJECT_BYTES = 1 << 30  # of a recording; ten minutes of stereo at 192 kHz in 32 bits take 0.86 of it
READ_AHEAD = 256  # small objects fetched together
SMALL_BYTES = 1 << 16  # at most 16 MiB are read ahead

_SPARE_BYTES = 1 << 30  # a copy is kept for a later pass only where this much disk stays free


@dataclass(frozen=True)
class Bucket:
    """A prefix of an S3 bucket. It holds names alone, so that it travels to workers; each process has its own connection.

    Parameters
    ----------
    url
        ``s3://bucket/prefix``, no slash at its end.
    kept
        Folder of copies that a stage needs more than once; None keeps none.
    """

    url: str
    kept: Path | None = None

    def __str__(self) -> str:
        """The URL."""
        return self.url

    def below(self, folder: str) -> "Bucket":
        """The prefix `folder` below this one; "." is this one."""
        inner = PurePosixPath(folder).as_posix()
        return self if inner == "." else replace(self, url=f"{self.url}/{inner}")

    def objects(self) -> Iterator[tuple[str, int]]:
        """Path below the prefix and size in bytes of each object, in S3's order, one page of 1,000 in memory at a time.

        Raises
        ------
        StorageError
            If the bucket cannot be listed.
        """
        start = len(self._prefix)
        token: dict[str, str] = {}
        while True:
            page = self._page(**token)
            for found in page.get("Contents", []):
                if not found["Key"].endswith("/"):  # what consoles make to show a folder
                    yield found["Key"][start:], found["Size"]
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def check(self) -> None:
        """Raise `StorageError` unless the bucket lists."""
        self._page(MaxKeys=1)

    def fetch(self, path: str, to: Path) -> None:
        """Copy an object to a file, whole or not at all; no file where there is no object. Raises as `local_copy`."""
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.parent / f".{uuid4().hex}.partial"
        from fsspec.callbacks import Callback

        try:
            _filesystem().get_file(self._at(path), str(part), callback=Callback(hooks={"bound": _bound(path, to.parent)}))
            part.replace(to)
        except RowError:
            raise
        except Exception as error:
            self.blame(path, error)
        finally:
            part.unlink(missing_ok=True)

    def fetch_bytes(self, sizes: Mapping[str, int]) -> dict[str, bytes | Exception]:
        """Bytes, or what was raised, of each object with its size in bytes; all at once."""
        ends = list(sizes.values())
        found = _filesystem().cat_ranges([self._at(path) for path in sizes], [0] * len(ends), ends, on_error="return")
        return dict(zip(sizes, found, strict=True))

    def blame(self, path: str, error: Exception) -> None:
        """Tell what a failed request means: nothing where there is no such object, else the object's fault or the bucket's.

        Raises
        ------
        RowError
            STORAGE_FAILED if the bucket still answers.
        StorageError
            If it does not.
        """
        self.check()
        if not isinstance(error, FileNotFoundError):
            detail = f"{path}: {_words(error)}; look at the object and its permissions, then run the stage again with `dvc repro -f -s`"
            raise RowError(Reason.STORAGE_FAILED, detail) from None

    def place_of(self, path: str) -> Path | None:
        """Where a copy is kept."""
        if self.kept is None:
            return None
        return self.kept / sha256(f"{self.url}/{path}".encode()).hexdigest()[:32] / PurePosixPath(path).name

    @property
    def _bucket(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def _prefix(self) -> str:
        """What keys start with, "" or with a slash at its end."""
        prefix = self.url.removeprefix("s3://").partition("/")[2]
        return f"{prefix}/" if prefix else ""

    def _at(self, path: str) -> str:
        return f"{self._bucket}/{self._prefix}{path}"

    def _page(self, **request: Any) -> dict[str, Any]:
        try:
            return dict(_filesystem().call_s3("list_objects_v2", Bucket=self._bucket, Prefix=self._prefix, **request))
        except DependencyError:
            raise
        except Exception as error:
            raise StorageError(
                f"{self.url} cannot be listed: {_words(error)}; look at AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, the network "
                "and the permission for s3:ListBucket, then run the stage again"
            ) from None


Root = Path | Bucket


def absolute(root: Root) -> Root:
    """The same root, as workers that started in another folder can find it."""
    return root if isinstance(root, Bucket) else root.absolute()


@contextmanager
def opened(root: str, base: Path, out: Path) -> Iterator[Root]:
    """The root that `corpora.<corpus>.root` names, for the time of a stage.

    Parameters
    ----------
    root
        A folder, absolute or relative to `base`, or ``s3://bucket/prefix``.
    base
        The folder of `params.yaml`.
    out
        The stage's output folder, which all workers see: copies that more than one pass needs lie in ``.copies`` there until the end.

    Raises
    ------
    ParamsError
        If `root` is an URL of another kind.
    StorageError
        If the bucket does not answer, is not there, or refuses.
    DependencyError
        If s3fs is not installed.
    """
    if "://" not in root:
        yield base / root
        return
    bucket = Bucket(_checked_url(root), (out / ".copies").absolute())
    bucket.check()
    shutil.rmtree(out / ".copies", ignore_errors=True)  # of a stage that was killed
    try:
        yield bucket
    finally:
        shutil.rmtree(out / ".copies", ignore_errors=True)


@contextmanager
def local_copy(root: Root, path: str, again: bool) -> Iterator[Path]:
    """A file for the time of a ``with``: the file itself, or a copy of the object. Neither need be there, as its object may not be.

    Parameters
    ----------
    path
        Below `root`, forward slashes.
    again
        Whether a later pass of the stage will ask for it again: the copy is then kept until the stage ends, while the disk has room.

    Raises
    ------
    RowError
        STORAGE_FAILED if the object alone cannot be had.
    StorageError
        If the bucket cannot be reached.
    """
    if isinstance(root, Path):
        yield root / path
        return
    kept = root.place_of(path)
    if kept is not None and not kept.is_file() and again and _has_room(kept.parent.parent):
        root.fetch(path, kept)
    if kept is not None and kept.is_file():
        yield kept
        return
    with TemporaryDirectory(prefix="espressivo-") as folder:
        copy = Path(folder) / PurePosixPath(path).name
        root.fetch(path, copy)
        yield copy


class ReadAhead:
    """Bytes of a bucket's objects. Adapters ask for the text of each recording one by one, and each answer is a round trip: with one
    small object those of the same suffix that follow it come too.

    Parameters
    ----------
    bucket
        The corpus.
    sizes
        Path and size in bytes of each object.
    """

    def __init__(self, bucket: Bucket, sizes: Mapping[str, int]) -> None:
        self._bucket, self._sizes = bucket, sizes
        self._small: dict[str, list[str]] = {}
        for path in sorted(path for path, size in sizes.items() if size <= SMALL_BYTES):
            self._small.setdefault(PurePosixPath(path).suffix, []).append(path)
        self._ahead: dict[str, dict[str, bytes | Exception]] = {}  # by suffix

    def read(self, path: str, max_bytes: int) -> bytes:
        """Bytes of an object.

        Raises
        ------
        RowError
            TEXT_MISSING, TEXT_UNREADABLE (too large), or STORAGE_FAILED.
        StorageError
            If the bucket cannot be reached.
        """
        if path in self._sizes and self._sizes[path] > max_bytes:
            raise RowError(Reason.TEXT_UNREADABLE, f"{path} is not a file of at most {max_bytes} bytes; look at it")
        found = self._found(path) if path in self._sizes else None
        if isinstance(found, Exception):
            self._bucket.blame(path, found)
        if not isinstance(found, bytes):
            raise RowError(Reason.TEXT_MISSING, f"{path} is not there; add it")
        return found

    def _found(self, path: str) -> bytes | Exception:
        if self._sizes[path] > SMALL_BYTES:
            return self._bucket.fetch_bytes({path: self._sizes[path]})[path]
        suffix = PurePosixPath(path).suffix
        if path not in self._ahead.get(suffix, {}):
            start = bisect_left(self._small[suffix], path)
            wanted = self._small[suffix][start : start + READ_AHEAD]
            self._ahead[suffix] = self._bucket.fetch_bytes({name: self._sizes[name] for name in wanted})
        return self._ahead[suffix][path]


def _bound(path: str, folder: Path) -> Callable[..., None]:
    """Stops a download, when its size is known and before a byte of it is written, that is too large for us or for the disk."""

    def check(size: int, value: int, **_: Any) -> None:
        room = min(MAX_OBJECT_BYTES, shutil.disk_usage(folder).free) if not value else size
        if size > room:
            detail = f"{path} has {size} bytes, {room} can be held; cut it into utterances, or point TMPDIR at a disk with room"
            raise RowError(Reason.STORAGE_FAILED, detail, size)

    return check


def _has_room(kept: Path) -> bool:
    """Whether one more copy may be kept in a folder, which is made."""
    kept.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(kept).free > MAX_OBJECT_BYTES + _SPARE_BYTES


def _checked_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.rstrip("/").partition("/")
    if scheme != "s3" or not bucket:
        raise ParamsError(f"a corpus `root` is a folder or s3://bucket/prefix, not {url}; mount other storage as a folder")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise ParamsError(f"`root: {url}` has an empty part, '.' or '..'; write the prefix as its keys start")
    return f"s3://{rest.rstrip('/')}"


def _words(error: Exception) -> str:
    """What went wrong in one line."""
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())


def _filesystem() -> Any:
    """The connection of this process. Listings are not cached: objects may come and go."""
    try:
        import s3fs  # 0.4 s: only for buckets
    except ImportError as error:
        raise DependencyError(
            'a corpus root on s3:// needs a package: pip install "s3fs>=2026.2" (and "dvc-s3>=3.2" for `dvc repro`)'
        ) from error
    return s3fs.S3FileSystem(use_listings_cache=False)
