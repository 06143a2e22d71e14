"""Summaries of tables whose means are known."""

import pandas as pd

from schemas.tables.evaluation import MEASURES
from workflows.evaluation_summary import summarise

ROWS = pd.DataFrame(
    {
        "kind": "model",
        "emotion": ["angry", "angry", "sad", "sad"],
        "speaker": ["x/a", "x/b", "x/a", "x/b"],
        "split": ["test", "test", "test", None],
        "set": "split",
        "recognised_emotion": ["angry", "sad", "sad", None],
        **{name: [1.0, 2.0, 3.0, 4.0] for name in MEASURES},
        "f0_correlation": [float("nan")] * 4,
        "predicted_mos": [1.0, None, 3.0, None],
    }
)


def test_a_summary_has_each_measure_with_its_interval_and_leaves_out_what_no_row_has():
    summary = summarise(ROWS, bootstrap_samples=500)
    assert list(summary) == ["model"]
    assert summary["model"]["n"] == 4
    error = summary["model"]["overall"]["voicing_error"]
    assert error["mean"] == 2.5
    assert error["low"] < 2.5 < error["high"]
    assert "f0_correlation" not in summary["model"]["overall"]
    assert summary["model"]["overall"]["predicted_mos"]["n"] == 2


def test_means_are_told_by_emotion_speaker_split_and_set():
    summary = summarise(ROWS, bootstrap_samples=100)["model"]
    assert summary["by_emotion"]["sad"]["voicing_error"]["mean"] == 3.5
    assert summary["by_speaker"]["x/a"]["voicing_error"]["mean"] == 2.0
    assert summary["by_split"]["test"]["voicing_error"] == summary["by_split"]["test"]["mcd_db"]
    assert summary["by_split"]["test"]["voicing_error"]["n"] == 3
    assert summary["by_set"]["split"] == summary["overall"]


def test_emotions_recognised_are_counted_by_the_emotion_asked_for():
    assert summarise(ROWS, bootstrap_samples=100)["model"]["emotions_recognised"] == {
        "angry": {"angry": 1, "sad": 1},
        "sad": {"angry": 0, "sad": 1},
    }
