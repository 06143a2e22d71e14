"""The whole pipeline as a user runs it: a copy of the project, a tiny corpus, real `dvc` in real processes."""

import json
import re
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest

from tests.browser import page
from tests.project import Project, clone_into
from workflows import demo_corpus
from workflows.wav_metadata import read_told

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("repro")]

TINY = {
    "model": {"unet_channels": 8, "unet_levels": 2, "encoder_channels": 32, "encoder_layers": 1, "predictor_channels": 32},
    "train": {"max_steps": 20, "batch_size": 4, "window_frames": 16, "validate_every_steps": 5, "checkpoint_every_steps": 5},
    "synthesize": {"n_steps": 2},
    "evaluate": {"heard_requests": 2},
    "showcase": {"sentences": 1, "ladder_emotions": 1, "intensities": [0.0, 2.0], "mixes": 2},
    "report": {"examples": 3},
}


PLAY_ALL = """
const done = arguments[arguments.length - 1];
for (const tab of document.querySelectorAll("[role=tab]")) tab.click();
document.querySelector("#listen tr.row td").click();
document.querySelector("#compare .cells .play").click();
const play = player => player.play().then(() => { player.pause(); return player.duration; }, error => String(error));
const players = document.querySelectorAll("audio");
const all = async () => {
  const heard = [];
  for (const player of players) heard.push(await play(player));
  return heard;
};
all().then(done);
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project's files in a new git repository, with tiny parameters, after one `dvc repro`."""
    clone = clone_into(tmp_path_factory.mktemp("clone"), TINY)
    demo_corpus.make(clone.folder / "data/corpora/demo", sentences_per_emotion=4)
    clone.commit("clone")
    clone.run("dvc", "repro")
    return clone


def counts(project: Project, stage: str) -> dict[str, int]:
    return json.loads((project.folder / f"metrics/{stage}/demo.json").read_text())


def test_every_row_that_goes_in_comes_out_or_is_rejected(project):
    n_wavs = len(list((project.folder / "data/corpora/demo").rglob("*.wav")))
    for stage in ("ingest", "align", "extract"):
        count = counts(project, stage)
        assert count["rows_in"] == count["rows_out"] + count["rejected"]
    assert counts(project, "ingest")["rows_in"] == n_wavs == 40
    assert counts(project, "extract")["rows_out"] > 30


def test_the_showcase_says_a_sentence_in_every_emotion_and_each_recording_says_what_it_is(project):
    rows = pq.read_table(project.folder / "data/showcase/synthesis.parquet").to_pylist()
    assert Counter(row["set"] for row in rows) == {"grid": 5, "ladder": 2, "mix": 2}
    assert json.loads((project.folder / "metrics/showcase.json").read_text())["rejected"] == 0
    told = read_told(project.folder / "data/showcase" / rows[0]["model_wav"])
    assert told["request"]["request_id"] == rows[0]["request_id"]
    assert told["dataset"]["demo"].startswith("md5:")


def test_the_page_holds_sounds_and_pictures_of_recordings_and_model(project):
    html = (project.folder / "reports/index.html").read_text()
    sounds = [list(json.loads(clip)["sounds"]) for clip in re.findall(r'id="clip-\d+">(.*?)</script>', html)]
    assert sounds.count(["real", "model", "copy"]) == 3
    assert sounds.count(["model"]) == 9  # the showcase
    assert html.count('"png":') >= len(sounds)


def test_the_page_opens_without_errors_and_its_audio_plays(project):
    with page(project.folder / "reports/index.html") as chrome:
        heard = chrome.execute_async_script(PLAY_ALL)
        errors = [entry for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"]
        hidden = chrome.execute_script("return [...document.images].filter(i => i.complete && !i.naturalWidth).length")
    assert errors == []
    assert hidden == 0
    assert len(heard) == 7  # three of the overview's example, three of a row, one of the grid
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
    assert list((project.folder / "plots-page/static").glob("*train_plots_images_demo_*.png")) != []


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
