"""The whole pipeline as a user runs it: a copy of the project, a tiny corpus, real `dvc` in real processes."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.browser import page
from tests.conftest import PROJECT
from workflows import demo_corpus

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("repro")]

TINY = {
    "model": {"unet_channels": 8, "unet_levels": 2, "encoder_channels": 32, "encoder_layers": 1, "predictor_channels": 32},
    "train": {"max_steps": 20, "batch_size": 4, "window_frames": 16, "validate_every_steps": 5, "checkpoint_every_steps": 5},
    "synthesize": {"n_steps": 2},
    "report": {"examples": 3},
}


PLAY_ALL = """
const done = arguments[arguments.length - 1];
const play = player => player.play().then(() => { player.pause(); return player.duration; }, error => String(error));
Promise.all([...document.querySelectorAll("audio")].map(play)).then(done);
"""


@dataclass(frozen=True)
class Project:
    """A clone with its own git and DVC."""

    folder: Path

    def run(self, *command: str) -> str:
        """Output of a command that must succeed, run in the clone with this interpreter's programs first on PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ESPRESSIVO_")}
        environment |= {"PATH": path, "PYTHONPATH": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr


def clone(folder: Path, params: dict[str, Any]) -> Project:
    """The project's files in a new git repository, with these parameters."""
    made = Project(folder)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, files.stdout.splitlines()):
        if (PROJECT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    made.run("git", "init", "-q")
    made.run("git", "config", "user.email", "test@example.org")
    made.run("git", "config", "user.name", "Test")
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qm", "clone")
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone with tiny parameters, after one `dvc repro`."""
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    for section, values in TINY.items():
        params[section] |= values
    made = clone(tmp_path_factory.mktemp("clone"), params)
    demo_corpus.make(made.folder / "data/corpora/demo", sentences_per_emotion=4)
    made.run("dvc", "repro")
    return made


def counts(project: Project, stage: str) -> dict[str, int]:
    return json.loads((project.folder / f"metrics/{stage}/demo.json").read_text())


def test_every_row_that_goes_in_comes_out_or_is_rejected(project):
    n_wavs = len(list((project.folder / "data/corpora/demo").rglob("*.wav")))
    for stage in ("ingest", "align", "extract"):
        count = counts(project, stage)
        assert count["rows_in"] == count["rows_out"] + count["rejected"]
    assert counts(project, "ingest")["rows_in"] == n_wavs == 40
    assert counts(project, "extract")["rows_out"] > 30


def test_the_page_holds_players_and_pictures_and_names_no_network(project):
    html = (project.folder / "reports/index.html").read_text()
    assert html.count("data:audio/mpeg;base64,") == 9
    assert html.count("data:image/png;base64,") >= 5
    assert "http://" not in html
    assert "https://" not in html


def test_the_page_opens_without_errors_and_its_audio_plays(project):
    with page(project.folder / "reports/index.html") as chrome:
        heard = chrome.execute_async_script(PLAY_ALL)
        errors = [entry for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"]
        hidden = chrome.execute_script("return [...document.images].filter(i => i.complete && !i.naturalWidth).length")
    assert errors == []
    assert hidden == 0
    assert len(heard) == 9
    assert all(isinstance(seconds, int | float) and seconds > 0.3 for seconds in heard), heard


def test_the_page_fits_a_phone(project):
    with page(project.folder / "reports/index.html", width=390, height=800) as chrome:
        needed = chrome.execute_script("return document.documentElement.scrollWidth")
    assert needed <= 390


def test_a_second_repro_does_nothing(project):
    output = project.run("dvc", "repro")
    assert "Data and pipelines are up to date" in output
    assert "Running stage" not in output


def test_metrics_and_plots_are_shown(project):
    assert "log_mel_distance_db" in project.run("dvc", "metrics", "show")
    project.run("dvc", "plots", "show", "--out", "plots-page")
    assert (project.folder / "plots-page/index.html").is_file()


def test_pushed_results_come_back_by_pull(project, tmp_path):
    project.run("dvc", "remote", "add", "--local", "-f", "-d", "store", str(tmp_path / "store"))
    project.run("dvc", "push")
    shards = sorted((project.folder / "data/extract/demo").iterdir())
    before = {path.name: path.read_bytes() for path in shards}
    assert before
    shutil.rmtree(project.folder / "data/extract")
    shutil.rmtree(project.folder / ".dvc/cache")
    project.run("dvc", "pull")
    assert {path.name: path.read_bytes() for path in sorted((project.folder / "data/extract/demo").iterdir())} == before
    assert "up to date" in project.run("dvc", "status")


def test_an_experiment_by_params_alone_goes_on_from_the_last_checkpoint(project):
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "results")
    output = project.run("dvc", "exp", "run", "-S", "train.max_steps=25")
    assert "goes on from step 20" in output
    assert "Running stage 'extract@demo'" not in output
    assert json.loads((project.folder / "metrics/train.json").read_text())["steps"] == 25
