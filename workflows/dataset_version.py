"""A version of the dataset: the working folder, or a git revision whose tables are read through DVC, column by column."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import yaml

from pipeline import shards
from schemas.errors import TableError

DATA = "data"


class Version:
    """Files of a project as they stand in the working folder, or as a git revision and its ``dvc.lock`` name them.

    Parameters
    ----------
    project
        Folder with ``dvc.yaml``.
    revision
        A commit, branch or tag; None is the working folder.

    Raises
    ------
    TableError
        If git or DVC do not know the revision, a file is in neither the cache nor a remote, or a table lacks a wanted column.
    """

    def __init__(self, project: Path, revision: str | None = None) -> None:
        self.project, self.revision = project, revision
        self.name = revision or "the working folder"

    @cached_property
    def corpora(self) -> list[str]:
        """Corpora of ``params.yaml`` that have features."""
        named = yaml.safe_load(self._text("params.yaml"))["corpora"]
        return [name for name in sorted(named) if self.names(f"{DATA}/extract/{name}")]

    @cached_property
    def lock(self) -> dict[str, Any]:
        """Stages of ``dvc.lock``; empty where there is none."""
        try:
            return dict(yaml.safe_load(self._text("dvc.lock"))["stages"])
        except TableError:
            return {}

    def dvc_hash(self, folder: str) -> str:
        """MD5 that ``dvc.lock`` gives a folder's contents; "" where it lists none."""
        outs = [out for stage in self.lock.values() for out in stage.get("outs", [])]
        return next((str(out["md5"]) for out in outs if out["path"] == folder and "md5" in out), "")

    def params(self, stage: str) -> dict[str, Any]:
        """Parameters that a stage of ``dvc.lock`` ran with."""
        return dict(self.lock.get(stage, {}).get("params", {}).get("params.yaml", {}))

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in a folder, sorted; none where it is not there."""
        if self.revision is None:
            return sorted(path.name for path in (self.project / folder).glob("*") if path.is_file())
        try:
            with self._told(folder):
                return sorted(Path(entry["name"]).name for entry in self._files.ls(folder, detail=True) if entry["type"] == "file")
        except FileNotFoundError:
            return []

    def json(self, path: str) -> Any:
        """A JSON file."""
        return json.loads(self._text(path))

    def table(self, path: str, columns: list[str]) -> pa.Table:
        """Columns of a table; of a revision's, no more is read from a remote than the file."""
        with self._open(path) as file:
            return shards.read_columns(file, f"{path} of {self.name}", columns)

    def tables(self, folder: str, kind: str, columns: list[str]) -> pa.Table:
        """Columns of all shards of a kind, ``features`` or ``quality``, of one corpus."""
        names = [name for name in self.names(folder) if name.startswith(f"{kind}-")]
        if not names:
            raise TableError(f"{folder} of {self.name} has no {kind} shards; run `dvc repro extract`")
        return pa.concat_tables([self.table(f"{folder}/{name}", columns) for name in names])

    def _text(self, path: str) -> str:
        with self._open(path) as file:
            return file.read().decode()

    def _open(self, path: str) -> AbstractContextManager[IO[bytes]]:
        if self.revision is None:
            try:
                return (self.project / path).open("rb")
            except FileNotFoundError:
                raise TableError(f"{path} is not there; run `dvc repro`, or `dvc checkout` for a version that ran before") from None
        with self._told(path):
            try:
                return cast(AbstractContextManager[IO[bytes]], self._files.open(path))
            except FileNotFoundError as error:
                raise self._nowhere(path, error) from None

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """DVC's and git's errors inside as ours."""
        from dvc.exceptions import DvcException
        from dvc.scm import SCMError
        from dvc_data.index import DataIndexDirError

        try:
            yield
        except SCMError as error:
            raise TableError(f"revision '{self.revision}' cannot be read ({error}); name a commit, branch or tag of this project") from None
        except (DvcException, DataIndexDirError) as error:
            raise self._nowhere(path, error) from None

    def _nowhere(self, path: str, error: Exception) -> TableError:
        if path != "dvc.lock" and not self.lock:
            return TableError(
                f"{self.revision} has no dvc.lock, so it is no version of the dataset; "
                f"after `dvc repro`, `git add dvc.lock` and commit make one, and `git log dvc.lock` lists them"
            )
        return TableError(
            f"{path} of {self.revision} is in neither DVC's cache nor a remote ({error}); "
            f"`dvc fetch --all-commits`, or `git checkout {self.revision} && dvc repro`"
        )

    @cached_property
    def _files(self) -> Any:
        from dvc.api import DVCFileSystem  # 1 s: only where a revision is asked for

        return DVCFileSystem(str(self.project), rev=self.revision)
