"""The numbers of the page as plain JSON: counts, distributions, rejects, quality, outliers, curves, scores, and the listed utterances.

Whatever stage has not run yet is None, and the page says what to run.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import shards
from schemas.params import QualityParams
from schemas.reasons import DESCRIPTIONS, Reason
from schemas.tables.contract import Contract
from schemas.tables.evaluation import MEASURES as SCORES
from schemas.tables.quality import MEASURES, QUALITY
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import SPLITS, UTTERANCES
from workflows.page_clips import Json, number, summary

CORPUS_STAGES = ("ingest", "align", "extract")
MAX_REJECTS = 5000
CURVE_POINTS = 250
HISTOGRAM_BINS = 40
BOX_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PROSODY = {
    "f0_median_hz": "median F0, Hz",
    "f0_spread_semitones": "spread of F0 (standard deviation), semitones",
    "energy_db": "mean energy of speech, dB re full scale",
    "phone_rate_hz": "rate, phones a second of speech",
}
QUALITY_LABELS = {
    "alignment_score": "alignment score a frame",
    "phone_rate_hz": "phones a second of speech",
    "duration_outlier_share": "share of odd phone lengths",
    "clipping_share": "share of clipped samples",
    "snr_db": "speech over noise, dB",
    "voiced_share": "share of voiced speech",
    "edge_level_db": "louder edge, dB re speech",
    "leading_silence_s": "silence before speech, s",
    "trailing_silence_s": "silence after speech, s",
    "longest_pause_s": "longest pause, s",
}
_MAD_TO_STD = 1.4826
_LEAST_GROUP = 8  # utterances of a speaker, to know what is usual for them


@dataclass(frozen=True)
class Tables:
    """What the data stages left.

    Parameters
    ----------
    utterances
        All corpora's, as ingest wrote them.
    prosody
        One row a kept utterance: utterance_id, speaker, emotion and `PROSODY`; empty before extract.
    quality
        One row an aligned utterance; empty before extract.
    rejects
        Of all stages that ran.
    """

    utterances: pd.DataFrame
    prosody: pd.DataFrame
    quality: pd.DataFrame
    rejects: pd.DataFrame

    @property
    def kept(self) -> pd.DataFrame:
        """Utterances with features, their prosody beside them; all that ingest kept before extract ran."""
        prosody = self.prosody.drop(columns=["speaker", "emotion"])
        merged: pd.DataFrame = self.utterances.merge(prosody, on="utterance_id", how="inner" if len(prosody) else "left")
        return merged


def read_tables(data: Path, corpora: Sequence[str], hop_s: float) -> Tables:
    """All tables that the numbers are made of.

    Raises
    ------
    TableError
        If ingest has not run for a corpus, or a table is of another version of this code.
    """
    utterances = [shards.read_table(data / "ingest" / name / "utterances.parquet", UTTERANCES).to_pandas() for name in corpora]
    features = [path for name in corpora for path in shards.shard_paths(data / "extract" / name)]
    quality = [path for name in corpora for path in sorted((data / "extract" / name).glob("quality-*.parquet"))]
    rejects = [data / stage / name / "rejects.parquet" for stage in CORPUS_STAGES for name in corpora]
    rejects += [data / stage / "rejects.parquet" for stage in ("synthesize", "showcase")]
    return Tables(
        utterances=pd.concat(utterances, ignore_index=True),
        prosody=_prosody(features, hop_s),
        quality=_concat(quality, QUALITY),
        rejects=_concat([path for path in rejects if path.is_file()], REJECTS),
    )


def read_optional(path: Path, contract: Contract) -> pd.DataFrame | None:
    """A table, or None where its stage has not run."""
    return shards.read_table(path, contract).to_pandas() if path.is_file() else None


def totals(tables: Tables) -> Json:
    """Counts of what was kept."""
    kept = tables.kept
    splits = kept["split"].value_counts()
    n_splits = kept.groupby("text")["split"].nunique()
    return {
        "utterances": len(kept),
        "hours": round(float(kept["duration_s"].sum()) / 3600, 4),
        "speakers": int(kept["speaker"].nunique()),
        "emotions": int(kept["emotion"].nunique()),
        "languages": sorted(kept["language"].unique()),
        "splits": {name: int(splits.get(name, 0)) for name in SPLITS},
        "texts_in_several_splits": int((n_splits > 1).sum()),
        "rejected": len(tables.rejects),
        "has_features": bool(len(tables.prosody)),
    }


def minutes(kept: pd.DataFrame) -> list[Json]:
    """Minutes and utterances of each speaker and emotion."""
    groups = kept.groupby(["speaker", "emotion"])["duration_s"].agg(["sum", "size"]).reset_index()
    return [
        {"speaker": row["speaker"], "emotion": row["emotion"], "minutes": round(row["sum"] / 60, 2), "utterances": int(row["size"])}
        for row in groups.to_dict("records")
    ]


def boxes(prosody: pd.DataFrame) -> Json:
    """Quantiles of each prosodic scalar by emotion and speaker, and by emotion over all speakers (speaker "*")."""
    together = prosody.assign(speaker="*")
    groups = [(key, group) for frame in (prosody, together) for key, group in frame.groupby(["emotion", "speaker"])]
    return {
        name: {
            "label": label,
            "groups": [
                {"emotion": emotion, "speaker": speaker, "n": len(values), **_quantiles(values)}
                for (emotion, speaker), group in groups
                if len(values := group[name].dropna().to_numpy())
            ],
        }
        for name, label in PROSODY.items()
    }


def histograms(quality: pd.DataFrame, limits: QualityParams) -> list[Json]:
    """Each measure of quality: a histogram over all aligned utterances, quantiles, and the limits that reject (None: no limit)."""
    shown = []
    for name in ("alignment_score", *MEASURES):
        values = quality[name].dropna().to_numpy(np.float64) if len(quality) else np.empty(0)
        if not len(values):
            continue
        counts, edges = np.histogram(values, bins=HISTOGRAM_BINS)
        low, high = (getattr(limits, f"{side}_{name}", None) for side in ("min", "max"))
        beyond = int((values < (-np.inf if low is None else low)).sum() + (values > (np.inf if high is None else high)).sum())
        edges_shown = [number(edge, 5) for edge in edges]
        shown.append(
            {"name": name, "label": QUALITY_LABELS[name], "n": len(values), "edges": edges_shown, "counts": counts.tolist()}
            | {"min": low, "max": high, "beyond": beyond, "same": bool(np.ptp(values) == 0), **_quantiles(values)}
        )
    return shown


def outliers(tables: Tables, n: int) -> list[Json]:
    """The `n` utterances furthest from what is usual, each for the measure in which it is furthest.

    A measure's distance is in robust standard deviations (of the median absolute deviation): prosody from the median of its speaker,
    quality from that of the corpus.
    """
    distances = [_distances(tables.prosody, name, tables.prosody["speaker"]) for name in PROSODY]
    corpus = tables.quality["utterance_id"].str.partition("/")[0] if len(tables.quality) else tables.quality["utterance_id"]
    # the rate stands in both tables, and shares are zero for almost all
    distances += [_distances(tables.quality, name, corpus) for name in ("alignment_score", "snr_db", "voiced_share", "longest_pause_s")]
    table = pd.concat(distances, ignore_index=True)
    if not len(table):
        return []
    table["far"] = table["z"].abs()
    furthest = table.sort_values(["far", "utterance_id", "measure"], ascending=[False, True, True]).drop_duplicates("utterance_id")
    labels = {**QUALITY_LABELS, **PROSODY}
    return [
        {"utterance_id": row["utterance_id"], "measure": labels[row["measure"]]}
        | {key: number(row[key], 4) for key in ("value", "typical", "z")}
        for row in furthest.head(n).to_dict("records")
    ]


def rejected(tables: Tables) -> Json:
    """Rejected rows of all stages: counts by reason, and the rows themselves up to a bound."""
    rows = tables.rejects.sort_values(["stage", "reason", "utterance_id"]) if len(tables.rejects) else tables.rejects
    counts = rows.groupby(["reason", "stage"]).size().reset_index(name="n") if len(rows) else pd.DataFrame(columns=["reason", "stage", "n"])
    reasons = [
        {"reason": row["reason"], "stage": row["stage"], "n": int(row["n"]), "description": DESCRIPTIONS[Reason(row["reason"])]}
        for row in counts.sort_values(["n", "reason"], ascending=[False, True]).to_dict("records")
    ]
    shown = rows.head(MAX_REJECTS)
    columns = {name: shown[name].tolist() for name in ("utterance_id", "stage", "reason", "detail")} if len(rows) else {}
    return {"total": len(rows), "reasons": reasons, "rows": columns, "hidden": max(0, len(rows) - MAX_REJECTS)}


def stage_counts(metrics: Path, corpora: Sequence[str]) -> list[Json]:
    """Rows in, out and rejected of each stage that ran."""
    named = [(stage, name, metrics / stage / f"{name}.json") for stage in CORPUS_STAGES for name in corpora]
    named += [(stage, "", metrics / f"{stage}.json") for stage in ("synthesize", "showcase")]
    kept = ("rows_in", "rows_out", "rejected")
    counts = [(stage, name, read_json(path)) for stage, name, path in named]
    return [{"stage": stage, "corpus": name, **{key: count[key] for key in kept}} for stage, name, count in counts if count]


def curves(folder: Path) -> list[Json]:
    """Points of each loss by split; of long curves the mean of equal stretches of steps, at most `CURVE_POINTS`."""
    found = []
    for file in sorted(folder.glob("**/*.tsv")):
        table = pd.read_csv(file, sep="\t")
        groups = np.arange(len(table)) * min(CURVE_POINTS, len(table)) // max(len(table), 1)
        thin = table.groupby(groups).mean()
        values = [number(value, 5) for value in thin.iloc[:, -1]]
        found.append({"loss": file.stem, "split": file.parent.name, "steps": [int(s) for s in thin["step"]], "values": values})
    return found


def scores(metrics: Path) -> list[Json]:
    """Every measure of `evaluate`: mean and 95 % interval a kind, and means by emotion; in the order of the table's columns."""
    told = read_json(metrics / "evaluate.json")
    found = [
        {
            "kind": kind,
            "measure": name,
            "description": SCORES.get(name, ""),
            "by_emotion": {emotion: values[name] for emotion, values in of_kind.get("by_emotion", {}).items() if name in values},
            **interval,
        }
        for kind, of_kind in told.get("kinds", {}).items()
        for name, interval in of_kind.get("overall", {}).items()
    ]
    places = {name: place for place, name in enumerate(SCORES)}
    return sorted(found, key=lambda row: places.get(row["measure"], len(places)))


def listed(tables: Tables, evaluation: pd.DataFrame | None, clips: dict[str, int], most: int) -> Json:
    """Columns of the table to listen from: those with sound first, then the others up to `most`, each group in order of id."""
    rows = tables.kept.assign(clip=tables.kept["utterance_id"].map(clips))
    rows = rows.sort_values("utterance_id").sort_values("clip", na_position="last", kind="stable", key=lambda clip: clip.isna())
    shown = rows.head(most).sort_values("utterance_id")
    model = evaluation[evaluation["kind"] == "model"] if evaluation is not None else pd.DataFrame(columns=["utterance_id"])
    model = model.dropna(subset=["utterance_id"]).drop_duplicates("utterance_id")
    measured = [name for name in ("log_mel_distance_db", "f0_rmse_cents") if name in model]
    shown = shown.merge(model[["utterance_id", *measured]], on="utterance_id", how="left")
    texts = {name: shown[name].tolist() for name in ("utterance_id", "text")}
    coded = {name: _coded(shown[name]) for name in ("speaker", "emotion", "split")}
    digits = {"duration_s": 3, **dict.fromkeys(PROSODY, 3), **dict.fromkeys(measured, 3)}
    numbers = {name: [number(value, n) for value in shown[name]] for name, n in digits.items()}
    clip = [None if value != value else int(value) for value in shown["clip"]]
    return {**texts, **coded, **numbers, "clip": clip, "hidden": len(rows) - len(shown)}


def read_json(path: Path) -> Json:
    """A stage's JSON; empty where it has not run."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _concat(paths: list[Path], contract: Contract) -> pd.DataFrame:
    tables = [shards.read_table(path, contract).to_pandas() for path in paths]
    empty: pd.DataFrame = contract.arrow.empty_table().to_pandas()
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else empty


def _prosody(paths: list[Path], hop_s: float) -> pd.DataFrame:
    columns = ["utterance_id", "speaker", "emotion", "phones", "duration_frames", "f0_hz", "energy_db"]
    rows = [_scalars(row, hop_s) for row in shards.iter_rows(paths, columns)]
    return pd.DataFrame(rows, columns=["utterance_id", "speaker", "emotion", *PROSODY])


def _scalars(row: dict[str, Any], hop_s: float) -> Json:
    f0_hz, energy_db = (np.asarray(row[name], np.float32) for name in ("f0_hz", "energy_db"))
    found = summary(f0_hz, energy_db, row["phones"], np.asarray(row["duration_frames"], np.int32), hop_s)
    return {**{name: row[name] for name in ("utterance_id", "speaker", "emotion")}, **found}


def _quantiles(values: NDArray[np.float64]) -> Json:
    return {f"q{round(q * 100):02}": number(value, 4) for q, value in zip(BOX_QUANTILES, np.quantile(values, BOX_QUANTILES), strict=True)}


def _distances(frame: pd.DataFrame, name: str, group: "pd.Series[str]") -> pd.DataFrame:
    """Utterances with a measure's value, what is typical of their group, and the distance in robust standard deviations."""
    columns = ["utterance_id", "measure", "value", "typical", "z"]
    if not len(frame) or not frame[name].notna().any():
        return pd.DataFrame(columns=columns)
    scaled = np.log(frame[name]) if name == "f0_median_hz" else frame[name].astype(float)
    of_group = scaled.groupby(group)
    middle = of_group.transform("median")
    spread = (scaled - middle).abs().groupby(group).transform("median") * _MAD_TO_STD
    known = (of_group.transform("size") >= _LEAST_GROUP) & (spread > 0) & scaled.notna()
    typical = np.exp(middle) if name == "f0_median_hz" else middle
    table = pd.DataFrame({"utterance_id": frame["utterance_id"], "measure": name, "value": frame[name], "typical": typical})
    return table.assign(z=(scaled - middle) / spread)[known]


def _coded(column: pd.Series) -> Json:
    names = sorted(column.unique())
    place = {name: index for index, name in enumerate(names)}
    return {"names": names, "codes": [place[name] for name in column]}
