"""Statistics and vocabulary of the training split."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import normalise, shards
from pipeline.features import feature_table
from pipeline.normalise import Moments, NormaliseStageParams
from schemas.errors import TableError
from schemas.params import load_params
from schemas.tables.features import PARTS, features_contract
from schemas.tables.speakers import STATISTICS
from tests.conftest import PROJECT

DECLARED = load_params(PROJECT / "params.yaml", NormaliseStageParams)
PARAMS = DECLARED.model_copy(update={"corpora": {"toy": DECLARED.corpora["demo"]}})
CONTRACT = features_contract(PARAMS.mel.n_mels)


def row(speaker: str, stem: str, seed: int, split: str = "train", voiced_share: float = 0.6) -> dict[str, Any]:
    """A feature row of 10 frames: 4 of silence, 6 of a phone."""
    rng = np.random.default_rng(seed)
    f0_hz = np.where(rng.random(10) < voiced_share, rng.uniform(100, 200, 10), np.nan).astype(np.float32)
    pools = {name: np.zeros(2, np.float32) for name in ("phone_log_f0", "phone_log_f0_slope", "phone_energy_db")}
    return pools | {
        "utterance_id": f"toy/{speaker}/{stem}", "corpus": "toy", "speaker": f"toy/{speaker}", "emotion": "happy", "intensity": None,
        "language": "en-us", "split": split, "text": "x", "phones": ["sil", f"p{seed}"],
        "duration_frames": np.array([4, 6], np.int32), "n_frames": 10, "f0_hz": f0_hz, "voiced": np.isfinite(f0_hz),
        "energy_db": np.concatenate([np.full(4, -90), rng.uniform(-40, -10, 6)]).astype(np.float32),
        "mel_ln": rng.normal(-5, 2, (10, PARAMS.mel.n_mels)).astype(np.float32),
        "f0_floor_hz": 60.0, "f0_ceiling_hz": 700.0, "fingerprint": "0", "fingerprints": dict.fromkeys(PARTS, "0"),
    }  # fmt: skip


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    shards.write_table(folder / "toy" / "features-0000-of-0002.parquet", feature_table(rows[:2], CONTRACT), CONTRACT)
    shards.write_table(folder / "toy" / "features-0001-of-0002.parquet", feature_table(rows[2:], CONTRACT), CONTRACT)


def statistics(folder: Path) -> dict[str, dict[str, Any]]:
    normalise.run(PARAMS, folder / "features", folder / "out")
    return {found["speaker"]: found for found in shards.read_table(folder / "out" / "statistics.parquet", STATISTICS).to_pylist()}


def test_statistics_equal_those_of_all_training_frames_at_once(tmp_path: Path):
    rows = [row("a", "1", 1), row("a", "2", 2), row("b", "1", 3), row("b", "2", 4, split="test")]
    write(tmp_path / "features", rows)
    found = statistics(tmp_path)
    assert list(found) == ["*", "toy/a", "toy/b"]
    for speaker, among in (("*", rows[:3]), ("toy/a", rows[:2]), ("toy/b", rows[2:3])):
        f0_hz = np.concatenate([one["f0_hz"] for one in among]).astype(np.float64)
        log_f0 = np.log(f0_hz[np.isfinite(f0_hz)])
        speech_db = np.concatenate([one["energy_db"][4:] for one in among]).astype(np.float64)
        mel_ln = np.concatenate([one["mel_ln"] for one in among]).astype(np.float64)
        expected = [log_f0.mean(), log_f0.std(), speech_db.mean(), speech_db.std(), mel_ln.mean(), mel_ln.std()]
        np.testing.assert_allclose([found[speaker][name] for name in STATISTICS.arrow.names[4:]], expected, rtol=1e-9)
        assert found[speaker]["n_utterances"] == len(among)
        assert found[speaker]["n_frames"] == 10 * len(among)
        assert found[speaker]["n_voiced_frames"] == len(log_f0)


def test_vocabulary_is_sorted_and_of_the_training_split(tmp_path: Path):
    write(tmp_path / "features", [row("b", "1", 7), row("b", "2", 3), row("c", "1", 5, split="validation")])
    statistics(tmp_path)
    vocabulary = json.loads((tmp_path / "out" / "vocabulary.json").read_text())
    assert vocabulary == {"corpora": ["toy"], "emotions": ["happy"], "phones": ["p3", "p7", "sil"], "speakers": ["toy/b"]}


def test_second_run_gives_equal_bytes(tmp_path: Path):
    write(tmp_path / "features", [row("a", "1", 1), row("a", "2", 2), row("b", "1", 3)])
    statistics(tmp_path)
    first = (tmp_path / "out" / "statistics.parquet").read_bytes()
    statistics(tmp_path)
    assert (tmp_path / "out" / "statistics.parquet").read_bytes() == first


def test_speaker_without_voiced_frames_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "features", [row("a", "1", 1), row("a", "2", 2), row("whisper", "1", 3, voiced_share=0.0)])
    assert list(statistics(tmp_path)) == ["*", "toy/a"]
    assert "toy/whisper has no spread of log_f0" in capsys.readouterr().err


def test_no_training_rows_say_where_to_look(tmp_path: Path):
    write(tmp_path / "features", [row("a", str(at), at, split="test") for at in range(3)])
    with pytest.raises(TableError, match=r"no voiced frames in split `train`.*look at extract's rejects"):
        statistics(tmp_path)


def test_shard_of_another_number_of_bands_is_named(tmp_path: Path):
    write(tmp_path / "features", [row("a", str(at), at) for at in range(3)])
    params = PARAMS.model_copy(update={"mel": PARAMS.mel.model_copy(update={"n_mels": 40})})
    with pytest.raises(TableError, match="mel_ln"):
        normalise.run(params, tmp_path / "features", tmp_path / "out")


@given(st.lists(st.lists(st.floats(-1e4, 1e4), max_size=20), max_size=10))
def test_moments_of_blocks_equal_moments_of_all(blocks: list[list[float]]):
    moments, whole = Moments(), np.array([value for block in blocks for value in block])
    for block in blocks:
        moments.add(np.array(block))
    assert moments.n == len(whole)
    if len(whole):
        np.testing.assert_allclose([moments.mean, moments.std], [whole.mean(), whole.std()], rtol=1e-7, atol=1e-7)


def test_a_folder_of_a_corpus_no_longer_in_params_is_not_read(tmp_path: Path):
    write(tmp_path / "features", [row("a", "1", 1), row("a", "2", 2), row("b", "1", 3)])
    alone = statistics(tmp_path)
    (tmp_path / "features" / "gone").mkdir()
    shutil.copy(tmp_path / "features/toy/features-0001-of-0002.parquet", tmp_path / "features/gone/features-0000-of-0001.parquet")
    assert statistics(tmp_path) == alone
    assert json.loads((tmp_path / "out" / "vocabulary.json").read_text())["corpora"] == ["toy"]
