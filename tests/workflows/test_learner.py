"""A step of the model in training."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.tts import Tts
from schemas.errors import TableError
from tests.workflows.tiny_training import params_of
from workflows.dataset import collate
from workflows.learner import Learner, step_seed
from workflows.train import read_corpus, tts_config


def test_not_finite_features_stop_the_run_and_name_the_utterance(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    params = params_of(tmp_path / "params.yaml")
    corpus = read_corpus(params, *folders, tmp_path / "voices")
    *others, last = corpus.training.read(np.arange(4))
    mel_ln = last.mel_ln.copy()
    mel_ln[5, 2] = np.nan
    victim = dataclasses.replace(last, mel_ln=mel_ln)
    learner = Learner(Tts(tts_config(params, corpus)), params.train)
    with pytest.raises(TableError, match=f"features of {victim.utterance_id} are not finite"):
        learner.training_step(collate([victim, *others]))


def test_seeds_of_steps_are_distinct_and_fit_torch() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(50)}
    assert len(seeds) == 1000
    assert 0 <= min(seeds) <= max(seeds) < 2**63
