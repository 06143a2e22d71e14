"""Evaluation on renderings whose distance to the original is known."""

import numpy as np
import pandas as pd
import pytest

from pipeline import tracks
from schemas.params import Params, load_params
from schemas.tables.evaluation import MEASURES
from tests.conftest import PROJECT
from workflows.evaluate import measure, summarise

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


def test_the_recording_itself_is_at_no_distance():
    scores = measure({"duration_frames": DURATIONS}, REAL, REAL_TRACKS)
    assert scores["log_mel_distance_db"] == pytest.approx(0, abs=1e-5)
    assert scores["f0_rmse_cents"] == pytest.approx(0, abs=1e-5)
    assert scores["voicing_error"] == 0
    assert scores["energy_correlation"] == pytest.approx(1)


def test_two_semitones_up_read_as_two_hundred_cents():
    scores = measure({"duration_frames": DURATIONS}, REAL, speech(140 * 2 ** (2 / 12)))
    assert scores["f0_rmse_cents"] == pytest.approx(200, abs=3)
    assert scores["f0_gross_error"] == 0
    assert scores["f0_correlation"] > 0.99


def test_half_the_amplitude_reads_as_six_decibels():
    scores = measure({"duration_frames": DURATIONS}, REAL, speech(140, gain=0.5))
    assert scores["energy_rmse_db"] == pytest.approx(6.02, abs=0.05)


def test_a_summary_has_each_measure_with_its_interval_and_leaves_out_the_undefined():
    values = {name: [1.0, 2.0, 3.0, 4.0] for name in MEASURES} | {"f0_correlation": [float("nan")] * 4}
    frame = pd.DataFrame({"kind": "model", "emotion": ["angry", "angry", "sad", "sad"], **values})
    summary = summarise(frame, bootstrap_samples=500)["model"]
    assert summary["n_utterances"] == 4
    assert summary["overall"]["voicing_error"]["mean"] == 2.5
    assert summary["overall"]["voicing_error"]["low"] < 2.5 < summary["overall"]["voicing_error"]["high"]
    assert summary["by_emotion"]["sad"]["voicing_error"] == 3.5
    assert "f0_correlation" not in summary["overall"]
