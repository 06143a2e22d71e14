"""The stage on a made-up corpus whose renderings are known: the recording itself, a higher one, and a request without a recording."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline import tracks
from pipeline.shards import shard_name, write_table
from schemas.errors import TableError
from schemas.params import load_params
from schemas.tables.evaluation import MEASURES
from schemas.tables.features import PARTS, features_contract
from schemas.tables.synthesis import SPLIT_SET, synthesis_contract
from tests.conftest import PROJECT
from workflows import evaluate, scoring
from workflows.real_speech import Recording

PARAMS = load_params(PROJECT / "params.yaml", evaluate.EvaluateStageParams)
GRID = PARAMS.frames.grid()
DURATIONS = [8, 40, 8]
N_FRAMES = sum(DURATIONS)
LIMITS = {"floor_hz": 75.0, "ceiling_hz": 500.0}
SEMITONES = 1.0
SPEAKER = "demo/s"


def tone(f0_hz: float, seed: int) -> np.ndarray:
    t = np.arange(N_FRAMES * GRID.hop_samples) / GRID.sample_rate_hz
    phase = 2 * np.pi * f0_hz * (t + 0.05 * t**2)
    loud = np.where((t > 8 * GRID.hop_s) & (t < 48 * GRID.hop_s), 0.2 + 0.1 * np.sin(20 * t), 0.0)
    noise = np.random.default_rng(seed).normal(0, 1e-3, len(t))
    return (loud * sum(np.sin(k * phase) / k for k in range(1, 12)) + noise).astype(np.float32)


def analysed(samples: np.ndarray) -> tracks.Tracks:
    return tracks.analyse(samples, GRID, PARAMS.mel, PARAMS.pitch, PARAMS.energy, **LIMITS)


def feature_row(index: int, split: str) -> tuple[dict[str, object], np.ndarray]:
    """An utterance: angry is high, sad low."""
    emotion = ("angry", "sad")[index % 2]
    samples = tone({"angry": 220.0, "sad": 120.0}[emotion] * (1 + 0.01 * (index % 5)), index)
    found = analysed(samples)
    row = {
        "utterance_id": f"{SPEAKER}/u{index:02d}", "corpus": "demo", "speaker": SPEAKER, "emotion": emotion, "intensity": None,
        "language": "en-us", "split": split, "text": f"sentence {index // 4}", "phones": ["sil", "AA", "sil"], "duration_frames": DURATIONS,
        "n_frames": N_FRAMES, "f0_hz": found.f0_hz.tolist(), "voiced": found.voiced.tolist(), "energy_db": found.energy_db.tolist(),
        "mel_ln": found.mel_ln.tolist(), "phone_log_f0": [np.nan] * 3, "phone_log_f0_slope": [np.nan] * 3, "phone_energy_db": [0.0] * 3,
        "f0_floor_hz": LIMITS["floor_hz"], "f0_ceiling_hz": LIMITS["ceiling_hz"], "fingerprint": "x",
        "fingerprints": dict.fromkeys(PARTS, "x"),
    }  # fmt: skip
    return row, samples


def request_row(row: dict[str, object], has_recording: bool) -> dict[str, object]:
    request_id = str(row["utterance_id"]) if has_recording else "ladder/1"
    return {
        "request_id": request_id, "utterance_id": request_id if has_recording else None, "set": SPLIT_SET if has_recording else "ladder",
        "speaker": SPEAKER, "emotion": "sad" if not has_recording else row["emotion"], "intensity": 1.0,
        "prosody": "reference" if has_recording else "predicted", "text": row["text"], "phones": row["phones"],
        "duration_frames": DURATIONS, "predicted_duration_frames": [d + 4 for d in DURATIONS], "n_frames": N_FRAMES,
        "asked_f0_hz": row["f0_hz"], "asked_energy_db": row["energy_db"], "mel_ln": row["mel_ln"], "model_wav": f"{request_id}.model.wav",
        "copy_wav": f"{request_id}.copy.wav" if has_recording else None, "seed": 1, "seconds": 1.0, "lineage": "{}",
    }  # fmt: skip


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, GRID.sample_rate_hz, subtype="PCM_16")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of 24 training and 4 test utterances; each test one rendered a semitone higher, one more request that has no recording."""
    root = tmp_path_factory.mktemp("made")
    rows = [feature_row(index, "train" if index < 24 else "test") for index in range(28)]
    contract = features_contract(PARAMS.mel.n_mels)
    write_table(root / "extract/demo" / shard_name(0, 1), contract.table([row for row, _ in rows]), contract)
    requests = [request_row(row, True) for row, _ in rows[24:]] + [request_row(rows[25][0], False)]
    for (row, samples), request in zip([*rows[24:], rows[25]], requests, strict=True):
        base = {"angry": 220.0, "sad": 120.0}[str(row["emotion"])]
        index = int(str(row["utterance_id"])[-2:])
        write_wav(root / "synthesize" / str(request["model_wav"]), tone(base * (1 + 0.01 * (index % 5)) * 2 ** (SEMITONES / 12), index))
        if request["copy_wav"] is not None:
            write_wav(root / "synthesize" / str(request["copy_wav"]), samples)
    synthesis = synthesis_contract(PARAMS.mel.n_mels)
    write_table(root / "synthesize/synthesis.parquet", synthesis.table(requests), synthesis)
    return root


def evaluated(made: Path, name: str) -> tuple[dict[str, dict[str, object]], dict[str, object]]:
    """Rows of the table by key, and the metrics."""
    alone = PARAMS.evaluate.model_copy(update={"recogniser": None, "speaker_similarity": False, "predicted_mos": False})
    params = PARAMS.model_copy(update={"evaluate": alone})
    out = made / name
    evaluate.run(params, PROJECT, made / "extract", made / "ingest", made / "synthesize", out, out / "metrics.json", out / "plots")
    rows = pq.read_table(out / "evaluation.parquet").to_pylist()
    return {row["key"]: row for row in rows}, json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="module")
def found(made: Path, cluster: str) -> tuple[dict[str, dict[str, object]], dict[str, object]]:
    return evaluated(made, "first")


def test_each_request_has_a_row_a_kind_and_one_without_a_recording_the_models_alone(found):
    rows, _ = found
    assert len(rows) == 4 * 3 + 1
    alone = rows["model|ladder/1"]
    assert (alone["set"], alone["split"], alone["utterance_id"]) == ("ladder", None, None)
    measured = {name for name in MEASURES if alone[name] is not None}
    assert measured == {name for name in MEASURES if name.startswith(("control_", "emotion_"))}


def test_a_semitone_that_was_not_asked_for_is_found_in_the_model_and_not_in_the_copy(found):
    rows, _ = found
    for index in range(24, 28):
        model, copied = (rows[f"{kind}|{SPEAKER}/u{index}"] for kind in ("model", "copy"))
        assert model["control_f0_bias_cents"] == pytest.approx(100 * SEMITONES, abs=6)
        assert model["f0_rmse_cents"] == pytest.approx(100 * SEMITONES, abs=10)
        assert copied["f0_rmse_cents"] == pytest.approx(0, abs=6)
        assert copied["mcd_db"] < 0.2 < model["mcd_db"]
        assert copied["control_f0_bias_cents"] is None
        assert model["predicted_duration_mae_ms"] == pytest.approx(4 * GRID.hop_s * 1000)
        assert model["predicted_length_error"] == pytest.approx(12 / N_FRAMES)


def test_emotions_are_recognised_in_recordings_that_were_not_learned_on(found):
    rows, metrics = found
    assert all(row["emotion_recognised"] == 1 for row in rows.values() if row["kind"] == "real")
    assert metrics["emotion_classifier"]["n_clips"] == 24
    assert metrics["kinds"]["real"]["emotions_recognised"] == {"angry": {"angry": 2, "sad": 0}, "sad": {"angry": 0, "sad": 2}}


def test_metrics_have_the_documented_shape(found):
    _, metrics = found
    assert set(metrics) == {"kinds", "judges", "emotion_classifier"}
    assert list(metrics["kinds"]) == ["copy", "model", "real"]
    model = metrics["kinds"]["model"]
    assert set(model) == {"n", "overall", "by_emotion", "by_speaker", "by_split", "by_set", "emotions_recognised"}
    assert set(model["overall"]["mcd_db"]) == {"mean", "low", "high", "n"}
    assert {name: group["mcd_db"]["n"] for name, group in model["by_set"].items() if "mcd_db" in group} == {SPLIT_SET: 4}
    assert not any(metrics["judges"].values())


def test_measuring_again_gives_the_same_bytes(made, found):
    evaluated(made, "second")
    names = [path.relative_to(made / "first") for path in (made / "first").rglob("*") if path.is_file()]
    assert len(names) >= 4
    assert all((made / "first" / name).read_bytes() == (made / "second" / name).read_bytes() for name in names)


def test_a_recording_that_is_gone_is_not_heard_and_does_not_end_the_run(tmp_path):
    gone = Recording("demo/s/u24", SPEAKER, "test", tmp_path, "u24.wav")
    pair = scoring.Pair("demo/s/u24", "demo/s/u24", None, scoring.SpeakerFacts(75.0, 500.0, "en-us"), gone, True)
    assert scoring._heard("real", pair, {"speaker": SPEAKER, "text": ""}, tmp_path, scoring.Judging(["predicted_mos"], {}, None)) == {}


def test_synthesis_without_features_ends_with_the_next_action(made, tmp_path, cluster):
    contract = features_contract(PARAMS.mel.n_mels)
    write_table(tmp_path / "extract/demo" / shard_name(0, 1), contract.table([feature_row(0, "train")[0]]), contract)
    with pytest.raises(TableError, match="run `dvc repro synthesize`"):
        evaluate.run(PARAMS, PROJECT, tmp_path / "extract", tmp_path, made / "synthesize", tmp_path, tmp_path / "m.json", tmp_path / "p")
