"""All tracks of one recording share one grid."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tracks import analyse
from schemas.frames import FrameGrid
from schemas.params import EnergyParams, MelParams
from tests.pipeline.extractors.test_extractors import PARAMS, harmonics

MEL = MelParams(n_mels=80, f_min_hz=0.0, f_max_hz=8000.0, amplitude_floor=1e-5)
ENERGY = EnergyParams(floor_db=-100.0)
GRID = FrameGrid(22050, 256, 1024, 1024)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 8000))
def test_tracks_of_every_length_have_equally_many_frames(n_samples: int):
    samples = harmonics(2 * np.pi * 150 * np.arange(n_samples) / 22050)
    tracks = analyse(samples, GRID, MEL, PARAMS, ENERGY, 75.0, 600.0)
    assert {len(track) for track in vars(tracks).values()} == {GRID.n_frames(n_samples)}
    np.testing.assert_array_equal(tracks.voiced, np.isfinite(tracks.f0_hz))


def test_a_tone_between_silences_is_loud_voiced_and_in_its_bands_at_the_same_frames():
    samples = np.zeros(60 * 256, np.float32)
    samples[20 * 256 : 40 * 256] = harmonics(2 * np.pi * 200 * np.arange(20 * 256) / 22050)
    tracks = analyse(samples, GRID, MEL, PARAMS, ENERGY, 75.0, 600.0)
    magnitude = np.exp(tracks.mel_ln).sum(axis=1)
    for signs in (tracks.voiced, tracks.energy_db > tracks.energy_db.max() - 6, magnitude > magnitude.max() / 2):
        frames = np.flatnonzero(signs)
        assert abs(frames[0] - 20) <= 1
        assert abs(frames[-1] - 39) <= 1
