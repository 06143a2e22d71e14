"""A copy of this project with its own git and DVC, as a user has it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import PROJECT


@dataclass(frozen=True)
class Project:
    """A clone with its own git and DVC."""

    folder: Path

    def run(self, *command: str, code: int = 0) -> str:
        """Output of a command that must end with `code`, run in the clone with this interpreter's programs first on PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ESPRESSIVO_")}
        environment |= {"PATH": path, "PYTHONPATH": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def commit(self, message: str) -> None:
        """Commit all that git sees."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)


def clone_into(folder: Path, changes: dict[str, dict[str, Any]]) -> Project:
    """The project's files in a new git repository, with changed sections of params.yaml; nothing is committed yet."""
    clone = Project(folder)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, files.stdout.splitlines()):
        if (PROJECT / name).is_file() and name != "dvc.lock":
            (clone.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone.folder / name)
    params = yaml.safe_load((clone.folder / "params.yaml").read_text())
    for section, values in changes.items():
        params[section] |= values
    (clone.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    clone.run("git", "init", "-q")
    clone.run("git", "config", "user.email", "test@example.org")
    clone.run("git", "config", "user.name", "Test")
    return clone
