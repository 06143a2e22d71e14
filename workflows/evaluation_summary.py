"""Means with bootstrap intervals of the evaluation table: over all and a group, as `metrics/evaluate.json` has them (docs/metrics.md)."""

from typing import Any

import pandas as pd

from schemas.tables.evaluation import KINDS, MEASURES
from workflows import measures

GROUPS = ("emotion", "speaker", "split", "set")


def summarise(frame: pd.DataFrame, bootstrap_samples: int) -> dict[str, Any]:
    """The summary of each kind that has rows.

    Parameters
    ----------
    frame
        The evaluation table.
    bootstrap_samples
        Resamples behind each interval.

    Returns
    -------
    summary
        ``{kind: {"n": rows, "overall": means, "by_emotion": {emotion: means}, "by_speaker": …, "by_split": …, "by_set": …,
        "emotions_recognised": {emotion: {recognised: rows}}}}``, where means is ``{measure: {"mean", "low", "high", "n"}}`` of the
        rows that have the measure, and lacks those that none has.
    """
    return {kind: _of_kind(frame[frame["kind"] == kind], bootstrap_samples) for kind in KINDS if (frame["kind"] == kind).any()}


def _of_kind(frame: pd.DataFrame, bootstrap_samples: int) -> dict[str, Any]:
    groups = {f"by_{group}": {str(name): _means(members, bootstrap_samples) for name, members in frame.groupby(group)} for group in GROUPS}
    confusion = frame.groupby(["emotion", "recognised_emotion"]).size().unstack(fill_value=0)
    counts = {str(asked): {str(name): int(n) for name, n in row.items()} for asked, row in confusion.iterrows()}
    return {"n": len(frame), "overall": _means(frame, bootstrap_samples), **groups, "emotions_recognised": counts}


def _means(frame: pd.DataFrame, bootstrap_samples: int) -> dict[str, dict[str, float]]:
    return {name: _interval(frame[name], bootstrap_samples) for name in MEASURES if frame[name].notna().any()}


def _interval(values: "pd.Series[float]", bootstrap_samples: int) -> dict[str, float]:
    mean, low, high = measures.bootstrap_interval(values.to_numpy(float), bootstrap_samples)
    return {"mean": _rounded(mean), "low": _rounded(low), "high": _rounded(high), "n": int(values.notna().sum())}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
