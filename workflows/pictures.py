"""Pictures for people: mel with pitch and phones, distributions by emotion, curves of training. Figures in, PNG bytes out."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

INK, GRID = "#23262e", "#d9dce3"
MEL_RANGE_LN = (-11.5, 1.5)
PALETTE = ("#2563eb", "#c2410c", "#15803d", "#9333ea", "#b45309", "#0e7490", "#be185d", "#4d7c0f", "#64748b", "#dc2626")


@dataclass(frozen=True)
class MelPanel:
    """One mel to draw: title, mel_ln (T, n_mels), f0_hz (T,) with NaN where unvoiced, phones and their lengths in frames."""

    title: str
    mel_ln: NDArray[np.float32]
    f0_hz: NDArray[np.float32]
    phones: Sequence[str]
    duration_frames: NDArray[np.int32]


def draw_mels(panels: Sequence[MelPanel], hop_s: float) -> bytes:
    """Mels above each other on one time axis, pitch drawn over them, phones under them."""
    seconds = max(len(panel.mel_ln) for panel in panels) * hop_s
    figure = Figure(figsize=(min(4 + 2.2 * seconds, 14), 2.3 * len(panels)), layout="constrained")
    rows = np.atleast_1d(np.asarray(figure.subplots(len(panels), 1, sharex=True)))
    top_hz = _pitch_top(panels)
    for axes, panel in zip(rows, panels, strict=True):
        _draw_mel(axes, panel, hop_s, top_hz)
    rows[-1].set_xlabel("time, s", color=INK)
    return _png(figure)


def draw_distributions(frame: pd.DataFrame, columns: dict[str, str]) -> bytes:
    """Box plots of each column by emotion, one colour a speaker.

    Parameters
    ----------
    frame
        One row an utterance, with `speaker`, `emotion` and the columns.
    columns
        Column -> axis label with unit.
    """
    emotions, speakers = sorted(frame["emotion"].unique()), sorted(frame["speaker"].unique())
    figure = Figure(figsize=(4.4 * len(columns), 3.6), layout="constrained")
    panels = np.atleast_1d(np.asarray(figure.subplots(1, len(columns))))
    for axes, (column, label) in zip(panels, columns.items(), strict=True):
        for number, speaker in enumerate(speakers):
            _draw_boxes(axes, frame[frame["speaker"] == speaker], column, emotions, number, len(speakers))
        axes.set_title(label, color=INK, fontsize=10, loc="left")
        axes.grid(axis="y", color=GRID)
        axes.set_xticks(range(len(emotions)), emotions, rotation=30, ha="right")
    handles = [panels[0].plot([], [], color=PALETTE[n % len(PALETTE)], lw=6, label=s)[0] for n, s in enumerate(speakers[:12])]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6), frameon=False, fontsize=8)
    return _png(figure)


def draw_curves(curves: dict[str, dict[str, pd.DataFrame]]) -> bytes:
    """Small multiples of loss against step.

    Parameters
    ----------
    curves
        Loss -> split -> frame with columns `step` and `value`.
    """
    n_columns = min(4, len(curves))
    n_rows = -(-len(curves) // n_columns)
    figure = Figure(figsize=(3.3 * n_columns, 2.4 * n_rows), layout="constrained")
    panels = np.asarray(figure.subplots(n_rows, n_columns, squeeze=False)).ravel()
    for axes, (loss, splits) in zip(panels, curves.items(), strict=False):
        for number, (split, curve) in enumerate(sorted(splits.items())):
            axes.plot(curve["step"], curve["value"], label=split, color=PALETTE[number % len(PALETTE)], lw=1.3)
        axes.set_title(loss, color=INK, fontsize=10, loc="left")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(color=GRID, which="both", lw=0.5)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("optimiser step", color=INK, fontsize=9)
    return _png(figure)


def _draw_mel(axes: Axes, panel: MelPanel, hop_s: float, top_hz: float) -> None:
    n_frames, n_mels = panel.mel_ln.shape
    extent = (0.0, n_frames * hop_s, 0.0, float(n_mels))
    low, high = MEL_RANGE_LN
    axes.imshow(panel.mel_ln.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(panel.title, loc="left", fontsize=9, color=INK)
    axes.set_ylabel("mel band", color=INK)
    pitch = axes.twinx()
    pitch.plot((np.arange(n_frames) + 0.5) * hop_s, panel.f0_hz, color="#7dd3fc", lw=1.8)
    pitch.set_ylim(0, top_hz)
    pitch.set_ylabel("F0, Hz", color=INK)
    _draw_phones(axes, panel, hop_s)


def _draw_phones(axes: Axes, panel: MelPanel, hop_s: float) -> None:
    ends = np.cumsum(panel.duration_frames) * hop_s
    for phone, start, end in zip(panel.phones, np.concatenate([[0.0], ends[:-1]]), ends, strict=True):
        axes.axvline(end, color="white", lw=0.4, alpha=0.5)
        axes.text((start + end) / 2, -0.02, phone, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=6, color=INK)
    axes.tick_params(axis="x", pad=9)


def _draw_boxes(axes: Axes, rows: pd.DataFrame, column: str, emotions: Sequence[str], number: int, n_speakers: int) -> None:
    width = 0.8 / n_speakers
    groups = [(index, rows.loc[rows["emotion"] == emotion, column].dropna().to_numpy()) for index, emotion in enumerate(emotions)]
    groups = [(index, values) for index, values in groups if len(values)]
    if not groups:
        return
    positions = [index + (number - (n_speakers - 1) / 2) * width for index, _ in groups]
    colour = PALETTE[number % len(PALETTE)]
    boxes = axes.boxplot([v for _, v in groups], positions=positions, widths=width * 0.8, patch_artist=True, manage_ticks=False, sym=".")
    for part in boxes["boxes"]:
        part.set(facecolor=colour, alpha=0.45, edgecolor=colour)
    for part in boxes["medians"]:
        part.set(color=colour, lw=2)


def _pitch_top(panels: Sequence[MelPanel]) -> float:
    """Top of the pitch axis shared by all panels, Hz: a fifth above the highest 99 % quantile."""
    voiced = np.concatenate([panel.f0_hz[~np.isnan(panel.f0_hz)] for panel in panels])
    return float(np.quantile(voiced, 0.99) * 1.2) if len(voiced) else 400.0


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
