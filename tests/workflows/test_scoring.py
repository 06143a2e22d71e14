"""Evaluation on renderings whose distance to the original is known."""

import numpy as np
import pytest

from pipeline import tracks
from schemas.params import Params, load_params
from tests.conftest import PROJECT
from workflows.scoring import against_recording, against_request, wide_enough

PARAMS = load_params(PROJECT / "params.yaml", Params)
GRID = PARAMS.frames.grid()
DURATIONS = [20, 40, 26]


def speech(f0_hz: float, gain: float = 1.0) -> tracks.Tracks:
    """Tracks of one second: a third of near-silence, then a gliding harmonic tone."""
    t = np.arange(sum(DURATIONS) * GRID.hop_samples) / GRID.sample_rate_hz
    phase = 2 * np.pi * f0_hz * (t + 0.1 * t**2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    loud = np.where(t < DURATIONS[0] * GRID.hop_s, 1e-3, 0.2 + 0.1 * np.sin(9 * t))
    return tracks.analyse(
        (gain * loud * tone).astype(np.float32), GRID, PARAMS.mel, PARAMS.pitch, PARAMS.energy, floor_hz=75, ceiling_hz=500
    )


REAL_TRACKS = speech(140)
REAL = {
    "phones": ["sil", "a", "b"],
    "duration_frames": DURATIONS,
    "f0_hz": REAL_TRACKS.f0_hz.tolist(),
    "energy_db": REAL_TRACKS.energy_db.tolist(),
    "mel_ln": REAL_TRACKS.mel_ln.tolist(),
}
AS_REAL = {"phones": REAL["phones"], "duration_frames": DURATIONS}
ASKED = {**AS_REAL, "asked_f0_hz": REAL["f0_hz"], "asked_energy_db": REAL["energy_db"]}


def test_the_recording_itself_is_at_no_distance():
    scores = against_recording(AS_REAL, REAL, REAL_TRACKS)
    assert scores["log_mel_distance_db"] == pytest.approx(0, abs=1e-5)
    assert scores["mcd_db"] == pytest.approx(0, abs=1e-5)
    assert scores["mcd_dtw_db"] == pytest.approx(0, abs=1e-5)
    assert scores["f0_rmse_cents"] == pytest.approx(0, abs=1e-5)
    assert scores["voicing_error"] == 0
    assert scores["energy_correlation"] == pytest.approx(1)


def test_two_semitones_up_read_as_two_hundred_cents():
    scores = against_recording(AS_REAL, REAL, speech(140 * 2 ** (2 / 12)))
    assert scores["f0_rmse_cents"] == pytest.approx(200, abs=3)
    assert scores["f0_gross_error"] == 0
    assert scores["f0_correlation"] > 0.99


def test_half_the_amplitude_reads_as_six_decibels():
    scores = against_recording(AS_REAL, REAL, speech(140, gain=0.5))
    assert scores["energy_rmse_db"] == pytest.approx(6.02, abs=0.05)


def test_what_was_asked_and_is_realised_leaves_no_control_error():
    scores = against_request(ASKED, REAL_TRACKS)
    assert scores.pop("control_f0_correlation") == pytest.approx(1)
    assert all(value == pytest.approx(0, abs=1e-5) for value in scores.values())


@pytest.mark.parametrize("semitones", [-3, 2])
def test_control_error_gives_back_a_shift_that_was_not_asked_for(semitones):
    scores = against_request(ASKED, speech(140 * 2 ** (semitones / 12)))
    assert scores["control_f0_bias_cents"] == pytest.approx(100 * semitones, abs=3)
    assert scores["control_f0_rmse_cents"] == pytest.approx(100 * abs(semitones), abs=4)


def test_control_error_gives_back_decibels_that_were_not_asked_for():
    scores = against_request(ASKED, speech(140, gain=0.5))
    assert scores["control_energy_bias_db"] == pytest.approx(-6.02, abs=0.05)
    assert scores["control_energy_rmse_db"] == pytest.approx(6.02, abs=0.05)


def test_white_noise_of_the_level_that_was_asked_for_is_realised_energy():
    noise = np.random.default_rng(1).normal(0, 0.05, sum(DURATIONS) * GRID.hop_samples).astype(np.float32)
    rendered = tracks.analyse(noise, GRID, PARAMS.mel, PARAMS.pitch, PARAMS.energy, floor_hz=75, ceiling_hz=500)
    level_db = 20 * np.log10(0.05)
    n_frames = sum(DURATIONS)
    scores = against_request({**ASKED, "asked_f0_hz": [np.nan] * n_frames, "asked_energy_db": [level_db] * n_frames}, rendered)
    assert scores["control_energy_bias_db"] == pytest.approx(0, abs=0.15)
    assert scores["control_energy_rmse_db"] < 0.5


def test_pitch_is_searched_between_the_speakers_limits_and_wider_only_where_other_pitch_was_asked_for():
    assert wide_enough(80.0, 300.0, [np.nan, 100.0, 250.0]) == (80.0, 300.0)
    assert wide_enough(80.0, 300.0, [np.nan, 60.0, 400.0]) == (60 * 0.75, 400 * 1.3)
    assert wide_enough(80.0, 300.0, [np.nan, np.nan]) == (80.0, 300.0)
