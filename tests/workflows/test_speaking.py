"""Speech of one request: a mel depends on itself and its seed, and prosody is what was asked for."""

import numpy as np
import pytest

from model.tts import Sampling, Tts
from schemas.tables.speakers import CORPUS_ROW
from tests.model.tiny_model import CONFIG, awake, batch_of
from workflows.requests import utterance_seed
from workflows.speaking import in_range_of, speak, with_predicted

SAMPLING = Sampling("ode2", 3, 1.5)
SEEDS = [utterance_seed(7, "toy/a/1"), utterance_seed(7, "toy/a/2")]


@pytest.fixture(scope="module")
def model() -> Tts:
    return awake(CONFIG)


def test_a_seed_belongs_to_the_utterance_and_the_run():
    assert utterance_seed(7, "a") == utterance_seed(7, "a")
    assert len({utterance_seed(seed, name) for seed in range(20) for name in "abcde"}) == 100


@pytest.mark.parametrize("row", [0, 1])
def test_an_utterance_sounds_the_same_alone_and_in_a_batch(model: Tts, row: int):
    together, alone = speak(model, batch_of([0, 1]), SEEDS, SAMPLING), speak(model, batch_of([row]), [SEEDS[row]], SAMPLING)
    n_frames = int(batch_of([row]).durations.sum())
    np.testing.assert_allclose(alone[0, :n_frames], together[row, :n_frames], atol=1e-3)


def test_another_seed_is_another_rendering(model: Tts):
    first, second = (speak(model, batch_of([0]), [seed], SAMPLING) for seed in SEEDS)
    assert np.abs(first - second).max() > 1e-2


def test_predicted_prosody_as_a_feature_row_reads_back_as_it_was(model: Tts):
    predicted = model.predict(batch_of([0, 1]).conditions)
    scale = {"log_f0_mean": 5.0, "log_f0_std": 0.2, "energy_mean_db": -30.0, "energy_std_db": 8.0}
    row = with_predicted({"phones": ["a", "b"], "f0_hz": None}, 1, predicted, scale)
    n_frames = int(predicted.durations[1].sum())
    assert row["n_frames"] == sum(row["duration_frames"]) == len(row["f0_hz"]) == len(row["energy_db"]) == n_frames
    assert (np.isfinite(row["f0_hz"]) == (predicted.prosody.voiced[1, :n_frames].numpy() > 0)).all()
    np.testing.assert_allclose((row["energy_db"] + 30.0) / 8.0, predicted.prosody.energy_z[1, :n_frames], rtol=1e-5)


def test_prosody_of_another_speaker_keeps_its_place_in_the_range():
    narrow = {"log_f0_mean": 4.6, "log_f0_std": 0.1, "energy_mean_db": -30.0, "energy_std_db": 5.0}
    wide = {"log_f0_mean": 5.4, "log_f0_std": 0.3, "energy_mean_db": -20.0, "energy_std_db": 5.0}
    source = {"speaker": "a", "f0_hz": [np.exp(4.7), np.nan], "energy_db": [-25.0, -30.0]}
    moved = in_range_of(source, "b", {"a": narrow, "b": wide, CORPUS_ROW: narrow})
    np.testing.assert_allclose(moved["f0_hz"], [np.exp(5.7), np.nan])
    np.testing.assert_allclose(moved["energy_db"], [-15.0, -20.0])
