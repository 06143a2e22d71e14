"""Batch synthesis: an utterance's mel depends on itself and its seed, not on its neighbours; faults become rejects."""

import numpy as np
import pytest
import torch

from schemas.params import Params, load_params
from tests.conftest import PROJECT
from tests.model.test_tts import batch_of, model  # noqa: F401  the fixture
from workflows.synthesize import speak, utterance_seed

PARAMS = load_params(PROJECT / "params.yaml", Params).synthesize.model_copy(update={"n_steps": 3})
SEEDS = [utterance_seed(7, "toy/a/1"), utterance_seed(7, "toy/a/2")]


def test_a_seed_belongs_to_the_utterance_and_the_run():
    assert utterance_seed(7, "a") == utterance_seed(7, "a")
    assert len({utterance_seed(seed, name) for seed in range(20) for name in "abcde"}) == 100


@pytest.mark.parametrize("row", [0, 1])
def test_an_utterance_sounds_the_same_alone_and_in_a_batch(model, row):  # noqa: F811
    together, alone = speak(model, batch_of([0, 1]), SEEDS, PARAMS), speak(model, batch_of([row]), [SEEDS[row]], PARAMS)
    n_frames = int(alone.durations.sum())
    np.testing.assert_allclose(alone.mel_ln[0, :n_frames], together.mel_ln[row, :n_frames], atol=1e-3)


def test_another_seed_is_another_rendering(model):  # noqa: F811
    first, second = (speak(model, batch_of([0]), [seed], PARAMS).mel_ln for seed in SEEDS)
    assert np.abs(first - second).max() > 1e-2


def test_given_prosody_keeps_the_given_durations_and_predicted_prosody_does_not(model):  # noqa: F811
    given = speak(model, batch_of([0, 1]), SEEDS, PARAMS)
    predicted = speak(model, batch_of([0, 1]), SEEDS, PARAMS.model_copy(update={"prosody": "predicted"}))
    assert torch.equal(torch.tensor(given.durations), batch_of([0, 1]).durations)
    assert (predicted.durations == predicted.predicted_durations).all()
    assert predicted.mel_ln.shape[1] == predicted.durations.sum(-1).max()
