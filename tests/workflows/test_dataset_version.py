"""What a revision cannot give is told with what to do."""

import subprocess
from pathlib import Path

import pytest

from schemas.errors import TableError
from workflows.dataset_version import Version


def commit(folder: Path) -> None:
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").touch()
    (folder / "params.yaml").write_text("corpora: {a: {}}\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True)


def test_a_revision_before_the_first_run_is_no_version_and_says_so(tmp_path: Path):
    commit(tmp_path)
    with pytest.raises(TableError, match=r"HEAD has no dvc\.lock.*git add dvc\.lock"):
        Version(tmp_path, "HEAD").json("data/extract/a/recipe.json")


def test_a_revision_that_git_does_not_know_is_told(tmp_path: Path):
    commit(tmp_path)
    with pytest.raises(TableError, match="name a commit, branch or tag"):
        Version(tmp_path, "nowhere").json("params.yaml")
