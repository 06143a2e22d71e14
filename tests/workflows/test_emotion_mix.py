"""Mixes of emotions as text."""

import numpy as np
import pytest

from schemas.errors import ParamsError
from workflows.dataset import Vocabulary
from workflows.emotion_mix import along_phones, mix_of, parse_mix

VOCABULARY = Vocabulary(("toy",), ("a",), ("s",), ("angry", "neutral", "sad"))


def test_weights_are_shares_and_a_name_alone_is_all() -> None:
    np.testing.assert_allclose(parse_mix("angry:0.6, sad:0.4", VOCABULARY), [[0, 0.6, 0, 0.4]])
    np.testing.assert_allclose(parse_mix("angry:3,sad:1", VOCABULARY), [[0, 0.75, 0, 0.25]])
    np.testing.assert_allclose(parse_mix("sad", VOCABULARY), [[0, 0, 0, 1]])


def test_a_schedule_runs_from_its_first_mix_to_its_last() -> None:
    weights = along_phones(parse_mix("neutral > angry > sad", VOCABULARY), 5)
    np.testing.assert_allclose(weights[:, 1:], [[0, 1, 0], [0.5, 0.5, 0], [1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]])


def test_each_row_of_a_batch_has_the_schedule_over_its_own_phones() -> None:
    mix = mix_of(parse_mix("neutral > sad", VOCABULARY), [3, 1], "noise", 1.5)
    assert mix.weights.shape == (2, 3, 4)
    np.testing.assert_allclose(mix.weights.sum(-1), 1.0)
    assert mix.weights[0, 2].tolist() == [0, 0, 0, 1]
    assert mix.weights[1, 0].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bored", "no emotion 'bored'"),
        ("", "no emotion ''"),
        ("sad:x", "'x' is no weight"),
        ("sad:-1", "0 or more"),
        ("sad:0", "all 0"),
        ("sad:nan", "0 or more"),
        ("sad:inf", "not all 0"),
    ],
)
def test_a_mix_that_makes_no_sense_is_named(text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parse_mix(text, VOCABULARY)
