"""The law of frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ParamsError
from schemas.frames import FrameGrid

GRID = FrameGrid(22050, 256, 1024, 1024)


@st.composite
def grids(draw: st.DrawFn) -> FrameGrid:
    hop = draw(st.integers(32, 600))
    window = draw(st.integers(hop, 2 * hop + 100))
    n_fft = draw(st.integers(window, window + 500))
    return FrameGrid(draw(st.sampled_from([8000, 16000, 22050, 24000, 44100, 48000])), hop, window, n_fft + (n_fft - hop) % 2)


def test_frame_count_is_whole_hops():
    assert [GRID.n_frames(n) for n in (0, 255, 256, 511, 512)] == [0, 0, 1, 1, 2]
    assert GRID.n_used_samples(513) == 512


def test_first_centre_is_half_a_hop_after_the_start():
    np.testing.assert_allclose(GRID.centres_s(2), [128 / 22050, 384 / 22050])


@given(grids(), st.integers(0, 100_000))
def test_frames_cover_all_but_less_than_a_hop(grid: FrameGrid, n_samples: int):
    assert 0 <= n_samples - grid.n_used_samples(n_samples) < grid.hop_samples


@given(grids(), st.floats(0, 5))
def test_boundary_is_the_number_of_centres_before_it(grid: FrameGrid, time_s: float):
    centres_s = grid.centres_s(grid.frame_boundary(time_s) + 1)
    assert (centres_s[:-1] < time_s + 1e-9).all()
    assert centres_s[-1] >= time_s - 1e-9


@given(grids())
def test_windows_are_centred_on_frames(grid: FrameGrid):
    assert 2 * grid.pad_samples + grid.hop_samples == grid.n_fft


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((22050, 256, 128, 1024), "hop_samples <= window_samples"),
        ((22050, 256, 2048, 1024), "raise n_fft to 2048"),
        ((22050, 255, 1024, 1024), "set hop_samples to 254 or 256"),
        ((0, 256, 1024, 1024), "sample_rate_hz > 0"),
    ],
)
def test_numbers_that_do_not_fit_each_other_are_named(numbers: tuple[int, int, int, int], says: str):
    with pytest.raises(ParamsError, match=says):
        FrameGrid(*numbers)
