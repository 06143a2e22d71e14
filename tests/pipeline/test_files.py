"""Files appear whole or not at all."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.files import remove_partials, whole_file
from schemas.errors import DiskError
from tests.conftest import PROJECT


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "new folder" / "table"
    with whole_file(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert [one.name for one in path.parent.iterdir()] == ["table"]
    assert path.read_text() == "whole"


def fail_half_way(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def test_a_failed_write_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "table"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as partial:
        fail_half_way(partial)
    assert [one.name for one in tmp_path.iterdir()] == ["table"]
    assert path.read_text() == "old"


def test_a_killed_writer_leaves_a_partial_that_the_next_run_removes(tmp_path: Path):
    code = f"""
import os, signal
from pathlib import Path
from pipeline.files import whole_file
with whole_file(Path({str(tmp_path / "table")!r})) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".table.")
    (tmp_path / "table").write_text("whole")
    remove_partials(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


def test_a_disk_that_takes_no_more_is_told_with_what_to_do(tmp_path: Path):
    """The limit on a file's size stands for the disk's; `tests/test_crashes.py` has a real one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with (
            pytest.raises(DiskError, match=r"cannot write .*table: .*; \d+ MiB are free on the disk of .*Make room"),
            whole_file(tmp_path / "table") as partial,
        ):
            partial.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []
