"""The search for F0 candidates and the path through them, against known answers, a plain Viterbi, and Praat."""

import numpy as np
import parselmouth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extractors.autocorrelation import Costs, best_states, search

COSTS = Costs(voicing_threshold=0.45, silence_threshold=0.03, octave_cost=0.01, octave_jump_cost=0.35, voiced_unvoiced_cost=0.14)


def tone(f0_hz: float, n: int = 8000, rate_hz: int = 4000) -> np.ndarray:
    t = np.arange(n) / rate_hz
    return sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, int(1900 / f0_hz) + 1)).astype(np.float32)


@pytest.mark.parametrize("f0_hz", [62.0, 80.0, 120.5, 233.3, 377.0, 690.0])
def test_a_steady_tone_is_found_within_a_third_of_a_cent(f0_hz):
    found = search(tone(f0_hz), 4000, 0.01, 60.0, 700.0, COSTS)
    assert found.at_s[0] == pytest.approx(0.005)
    assert np.abs(1200 * np.log2(found.f0_hz[10:-10] / f0_hz)).max() < 0.33
    assert found.strength[10:-10].min() > 0.98


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 70), st.integers(1, 7), st.integers(0, 10_000))
def test_the_best_path_is_viterbis(n: int, n_states: int, seed: int):
    random = np.random.default_rng(seed)
    local, moves = random.normal(size=(n, n_states)), random.random((n - 1, n_states, n_states))
    sums, back = local[0], []
    for t in range(n - 1):
        ways = sums[:, None] - moves[t] + local[t + 1]
        back.append(ways.argmax(axis=0))
        sums = ways.max(axis=0)
    path = [int(sums.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    np.testing.assert_array_equal(best_states(local, moves), path[::-1])


def test_an_octave_below_is_a_rival_and_not_the_choice():
    found = search(tone(200.0), 4000, 0.01, 60.0, 700.0, COSTS)
    assert np.abs(found.f0_hz[10:-10] - 200).max() < 0.1
    assert (np.abs(found.rivals_hz[50] - 100) < 0.5).any()


def test_a_jump_for_one_frame_is_not_followed():
    sound = tone(150.0)
    sound[4000:4040] = tone(300.0)[4000:4040]
    found = search(sound, 4000, 0.01, 60.0, 700.0, COSTS)
    assert np.abs(found.f0_hz[10:-10] - 150).max() < 20


@pytest.mark.parametrize("n", [0, 1, 39, 40, 79, 80, 200])
def test_sounds_shorter_than_a_window_have_their_frames(n):
    found = search(tone(150.0, n), 4000, 0.01, 60.0, 700.0, COSTS)
    assert {values.shape[0] for values in found} == {n // 40}


def test_silence_and_an_offset_have_no_pitch():
    for sound in (np.zeros(4000, np.float32), np.full(4000, 0.5, np.float32)):
        assert not search(sound, 4000, 0.01, 60.0, 700.0, COSTS).f0_hz[10:-10].any()


def test_voices_have_the_f0_that_praat_finds(shared_data):
    import soundfile as sf
    import soxr

    ours, praats = [], []
    for path in sorted((shared_data / "emodb_dev" / "wav").glob("*"))[::30]:
        samples, rate_hz = sf.read(path)
        slow = soxr.resample(samples, rate_hz, 4000)
        found = search(slow.astype(np.float32), 4000, 0.01, 75.0, 500.0, COSTS)
        pad = 70  # Praat's frames then stand on ours: half a window less half a hop
        sound = parselmouth.Sound(np.pad(slow[: 40 * len(found.f0_hz)], pad), 4000, start_time=-pad / 4000)
        pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=75.0, pitch_ceiling=500.0)
        np.testing.assert_allclose(pitch.xs(), found.at_s, atol=1e-6)
        ours.append(found.f0_hz)
        praats.append(pitch.selected_array["frequency"])
    a, b = np.concatenate(ours), np.concatenate(praats)
    both = (a > 0) & (b > 0)
    assert ((a > 0) == (b > 0)).mean() > 0.95
    assert (np.abs(a[both] / b[both] - 1) < 0.2).mean() > 0.98
    assert np.median(np.abs(1200 * np.log2(a[both] / b[both]))) < 1.0
