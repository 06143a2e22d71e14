"""The page's numbers, against known answers."""

import numpy as np
import pandas as pd
import pytest

from schemas.params import Params, load_params
from schemas.tables.quality import MEASURES
from tests.conftest import PROJECT
from workflows.page_data import CURVE_POINTS, PROSODY, Tables, boxes, curves, histograms, outliers

QUALITY = load_params(PROJECT / "params.yaml", Params).quality


def prosody(values: list[float], speaker: str = "c/a") -> pd.DataFrame:
    """One emotion, one speaker; every measure but F0 is constant."""
    names = {"utterance_id": [f"{speaker}/{at:03}" for at in range(len(values))], "speaker": speaker, "emotion": "calm"}
    return pd.DataFrame({**names, **dict.fromkeys(PROSODY, 1.0), "f0_median_hz": values})


def quality(snr_db: list[float]) -> pd.DataFrame:
    names = {"utterance_id": [f"c/a/{at:03}" for at in range(len(snr_db))], "alignment_score": None, "rejected_for": ""}
    return pd.DataFrame({**names, **dict.fromkeys(MEASURES, 0.0), "snr_db": snr_db})


def tables(frame: pd.DataFrame, measured: pd.DataFrame | None = None) -> Tables:
    return Tables(pd.DataFrame(), frame, quality([]) if measured is None else measured, pd.DataFrame())


def test_boxes_hold_the_quantiles_of_each_speaker_and_of_all():
    frame = pd.concat([prosody([*range(101)]), prosody([*range(100, 201)], "c/b")])
    groups = {group["speaker"]: group for group in boxes(frame)["f0_median_hz"]["groups"]}
    assert [groups["c/a"][name] for name in ("q05", "q25", "q50", "q75", "q95")] == [5, 25, 50, 75, 95]
    assert (groups["c/b"]["q50"], groups["*"]["q50"], groups["*"]["n"]) == (150, 100, 202)


def test_the_odd_one_is_found_and_told_in_spreads_of_its_speaker():
    usual = [100 * 2 ** (step / 12) for step in (-2, -1, -1, 0, 0, 0, 1, 1, 2)]
    low = pd.concat([prosody([*usual, 200.0]), prosody([400.0] * 4 + [390.0, 410.0, 395.0, 405.0], "c/b")], ignore_index=True)
    first = outliers(tables(low), 3)[0]
    assert (first["utterance_id"], first["value"], first["measure"]) == ("c/a/009", 200, PROSODY["f0_median_hz"])
    assert first["z"] == pytest.approx(12 / 1.4826, rel=0.15)


def test_what_is_rare_or_constant_has_no_outliers():
    assert outliers(tables(prosody([100.0, 101.0, 900.0])), 5) == []
    assert outliers(tables(prosody([100.0] * 20)), 5) == []
    assert outliers(tables(prosody([])), 5) == []


def test_histograms_count_all_and_tell_limits_and_what_lies_beyond():
    found = {row["name"]: row for row in histograms(quality([5.0, 9.0, 30.0, 40.0]), QUALITY)}
    assert "alignment_score" not in found
    snr = found["snr_db"]
    assert (sum(snr["counts"]), snr["n"], snr["min"], snr["max"], snr["beyond"], snr["same"]) == (4, 4, 10.0, None, 2, False)
    assert found["longest_pause_s"]["same"] is True


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_long_curves_are_thinned_to_means_and_short_ones_are_not(tmp_path, n):
    folder = tmp_path / "metrics/train"
    folder.mkdir(parents=True)
    pd.DataFrame({"step": np.arange(n), "prior": np.arange(n)}).to_csv(folder / "prior.tsv", sep="\t", index=False)
    (curve,) = curves(tmp_path)
    assert (curve["loss"], curve["split"], len(curve["values"])) == ("prior", "train", min(n, CURVE_POINTS))
    assert np.mean(curve["values"]) == pytest.approx((n - 1) / 2)
