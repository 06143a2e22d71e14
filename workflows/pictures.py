"""Pictures for people outside the page: mels with pitch and phones as PNG bytes."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK = "#23262e"
MEL_RANGE_LN = (-11.5, 1.5)
_TITLE = 160  # characters that fit


@dataclass(frozen=True)
class MelPanel:
    """One mel to draw: title, mel_ln (T, n_mels), f0_hz (T,) with NaN where unvoiced, phones and their lengths in frames.

    Words, if any, are tuples of label, start and end in seconds.
    """

    title: str
    mel_ln: NDArray[np.float32]
    f0_hz: NDArray[np.float32]
    phones: Sequence[str]
    duration_frames: NDArray[np.int32]
    words: Sequence[tuple[str, float, float]] = ()


def draw_mels(panels: Sequence[MelPanel], hop_s: float) -> bytes:
    """Mels above each other on one time axis, pitch drawn over them, words at their top, phones under them."""
    seconds = max(len(panel.mel_ln) for panel in panels) * hop_s
    figure = Figure(figsize=(min(4 + 2.2 * seconds, 14), 2.3 * len(panels)), layout="constrained")
    rows = np.atleast_1d(np.asarray(figure.subplots(len(panels), 1, sharex=True)))
    top_hz = _pitch_top(panels)
    for axes, panel in zip(rows, panels, strict=True):
        _draw_mel(axes, panel, hop_s, top_hz)
    rows[-1].set_xlabel("time, s", color=INK)
    return _png(figure)


def _draw_mel(axes: Axes, panel: MelPanel, hop_s: float, top_hz: float) -> None:
    n_frames, n_mels = panel.mel_ln.shape
    extent = (0.0, n_frames * hop_s, 0.0, float(n_mels))
    low, high = MEL_RANGE_LN
    axes.imshow(panel.mel_ln.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low, vmax=high, interpolation="nearest")
    title = panel.title if len(panel.title) <= _TITLE else panel.title[: _TITLE - 1] + "…"
    axes.set_title(title, loc="left", fontsize=9, color=INK, parse_math=False)
    axes.set_ylabel("mel band", color=INK)
    pitch = axes.twinx()
    pitch.plot((np.arange(n_frames) + 0.5) * hop_s, panel.f0_hz, color="#7dd3fc", lw=1.8)
    pitch.set_ylim(0, top_hz)
    pitch.set_ylabel("F0, Hz", color=INK)
    _draw_phones(axes, panel, hop_s)
    for word, start_s, end_s in panel.words:
        axes.axvline(start_s, 0.9, color="white", lw=0.8)
        axes.axvline(end_s, 0.9, color="white", lw=0.8)
        axes.text(
            (start_s + end_s) / 2, 0.95, word, transform=axes.get_xaxis_transform(), ha="center", va="center", fontsize=7, color="white"
        )


def _draw_phones(axes: Axes, panel: MelPanel, hop_s: float) -> None:
    ends = np.cumsum(panel.duration_frames) * hop_s
    for phone, start, end in zip(panel.phones, np.concatenate([[0.0], ends[:-1]]), ends, strict=True):
        axes.axvline(end, color="white", lw=0.4, alpha=0.5)
        axes.text((start + end) / 2, -0.02, phone, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=6, color=INK)
    axes.tick_params(axis="x", pad=9)


def _pitch_top(panels: Sequence[MelPanel]) -> float:
    """Top of the pitch axis shared by all panels, Hz: a tenth above the highest."""
    voiced = np.concatenate([panel.f0_hz[~np.isnan(panel.f0_hz)] for panel in panels])
    return float(voiced.max()) * 1.1 if len(voiced) else 400.0


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")  # drawn as boxes: matplotlib's own font has no CJK
        figure.savefig(buffer, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
