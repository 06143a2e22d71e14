"""The classifier of emotions on statistics whose classes are known, and the statistics on tracks that are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.emotion_classifier import Clip, EmotionClassifier, describe, learn

N_STATISTICS = 6
HOP_S = 0.0116


def clips(distance: float, n: int = 120, emotions: tuple[str, ...] = ("angry", "happy", "sad"), seed: int = 1) -> list[Clip]:
    """Clips of two speakers, far apart, whose emotions are normal clouds of spread 1 at a distance from each other."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(n):
        emotion, speaker = at % len(emotions), at // len(emotions) % 2
        centre = 50.0 * speaker * np.ones(N_STATISTICS)
        centre[emotion] += distance
        found.append(Clip(emotions[emotion], f"x/{speaker}", f"sentence {at % 12}", centre + rng.normal(size=N_STATISTICS)))
    return found


def learned(*arguments: object, **options: object) -> EmotionClassifier:
    classifier = learn(clips(*arguments, **options))
    assert classifier is not None
    return classifier


def accuracy(classifier: EmotionClassifier, new: list[Clip]) -> float:
    found = [classifier.probabilities(clip.statistics, clip.speaker) for clip in new]
    return float(np.mean([max(shares, key=lambda name: shares[name]) == clip.emotion for shares, clip in zip(found, new, strict=True)]))


def test_emotions_that_lie_apart_are_recognised_in_clips_that_were_not_learned_on():
    classifier = learned(8.0)
    assert classifier.held_out_accuracy > 0.97
    assert accuracy(classifier, clips(8.0, seed=2)) > 0.97


def test_emotions_that_do_not_differ_are_recognised_by_chance_and_with_no_certainty():
    classifier = learned(0.0, n=600)
    assert classifier.held_out_accuracy == pytest.approx(1 / 3, abs=0.08)
    shares = [max(classifier.probabilities(clip.statistics, clip.speaker).values()) for clip in clips(0.0, seed=2)]
    assert np.mean(shares) < 0.45


def test_probabilities_are_as_often_right_as_they_say():
    classifier, new = learned(2.0, n=600), clips(2.0, n=1500, seed=2)
    found = [classifier.probabilities(clip.statistics, clip.speaker)[clip.emotion] for clip in new]
    sure = [max(classifier.probabilities(clip.statistics, clip.speaker).values()) for clip in new]
    assert np.mean(sure) == pytest.approx(accuracy(classifier, new), abs=0.05)
    assert 0.5 < np.mean(found) < 0.95


def test_two_emotions_are_told_apart_too_and_probabilities_sum_to_one():
    classifier = learned(8.0, emotions=("happy", "sad"))
    assert accuracy(classifier, clips(8.0, emotions=("happy", "sad"), seed=2)) > 0.97
    assert sum(classifier.probabilities(np.zeros(N_STATISTICS), "nobody").values()) == pytest.approx(1)


def test_rare_emotions_and_clips_without_a_label_are_no_classes():
    rare = [Clip("bored", "x/0", "a", np.zeros(N_STATISTICS))] * 4
    unlabelled = [Clip("unknown", "x/0", "a", np.zeros(N_STATISTICS))] * 50
    classifier = learn([*clips(8.0), *rare, *unlabelled])
    assert classifier is not None
    assert classifier.emotions == ("angry", "happy", "sad")
    assert classifier.n_clips == 120
    assert learn(clips(8.0, emotions=("sad",))) is None
    assert learn([]) is None


def test_one_sentence_alone_is_learned_on_and_has_no_held_out_accuracy():
    classifier = learn([Clip(clip.emotion, clip.speaker, "the same", clip.statistics) for clip in clips(8.0)])
    assert classifier is not None
    assert np.isnan(classifier.held_out_accuracy)
    assert accuracy(classifier, clips(8.0, seed=2)) > 0.97


def test_learning_again_gives_the_same_numbers():
    assert (learned(2.0).weights == learned(2.0).weights).all()


def tracks(f0_hz: float, n_frames: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at = np.arange(n_frames)
    f0 = np.where(at % 20 < 12, f0_hz * np.exp(0.1 * np.sin(at / 9)), np.nan)
    return np.random.default_rng(0).normal(size=(n_frames, 80)), f0, -30 + 10 * np.sin(at / 7)


def test_higher_pitch_moves_the_mean_and_the_percentiles_of_pitch_and_nothing_else():
    low, high = (describe(*tracks(f0_hz), HOP_S) for f0_hz in (120, 240))
    moved = np.flatnonzero(np.abs(high - low) > 1e-9)
    assert moved.tolist() == [0, 2, 3]
    assert (high - low)[moved] == pytest.approx(np.log(2))


def test_louder_speech_moves_level_alone():
    mel_ln, f0_hz, energy_db = tracks(120)
    change = describe(mel_ln, f0_hz, energy_db + 6, HOP_S) - describe(mel_ln, f0_hz, energy_db, HOP_S)
    assert np.flatnonzero(np.abs(change) > 1e-9).tolist() == [6, 8, 9, 10]
    assert change[[6, 8, 9, 10]] == pytest.approx(6)


@given(st.integers(1, 30), st.booleans(), st.integers(0, 1000))
def test_statistics_are_finite_and_as_many_for_any_recording(n_frames, silent, seed):
    rng = np.random.default_rng(seed)
    f0_hz = np.where(rng.random(n_frames) < 0.5, np.nan, 150.0)
    energy_db = np.full(n_frames, -100.0) if silent else rng.normal(-30, 10, n_frames)
    statistics = describe(rng.normal(size=(n_frames, 80)), f0_hz, energy_db, HOP_S)
    assert statistics.shape == (51,)
    assert np.isfinite(statistics).all()
