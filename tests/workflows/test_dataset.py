"""Reading features as examples and batches."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.shards import shard_paths
from schemas.errors import TableError
from schemas.tables.speakers import CORPUS_ROW
from tests.workflows.synthetic_features import N_MELS, feature_row
from workflows.batches import InShards
from workflows.dataset import Example, collate, example_from, fill_unvoiced, read_statistics, read_vocabulary


@pytest.fixture(scope="module")
def examples(folders: tuple[Path, Path]) -> list[Example]:
    features, normalise = folders
    training = InShards(shard_paths(features / "toy"), "train", N_MELS, read_vocabulary(normalise), read_statistics(normalise))
    return training.read(np.arange(len(training)))


def test_examples_hold_exactly_what_the_rows_said(examples: list[Example]) -> None:
    assert len(examples) == 24
    for example in examples:
        row = feature_row(int(example.utterance_id[-3:]), "train")
        np.testing.assert_array_equal(example.mel_ln, np.float32(row["mel_ln"]))
        assert example.durations.tolist() == row["duration_frames"]
        assert example.voiced.tolist() == row["voiced"]
        mean = 4.8 if row["speaker"] == "toy/s1" else 5.5
        voiced = np.array(row["voiced"])
        z = (np.log(np.array(row["f0_hz"])[voiced]) - mean) / 0.3
        np.testing.assert_allclose(example.log_f0_z[voiced], z.clip(-4, 4), atol=1e-5)


def test_unseen_speaker_and_phone_get_unknown_ids_and_the_corpus_statistics(folders: tuple[Path, Path]) -> None:
    vocabulary, statistics = read_vocabulary(folders[1]), read_statistics(folders[1])
    row = {**feature_row(0, "test"), "speaker": "toy/new", "emotion": "calm"}
    row["phones"] = ["zz", *row["phones"][1:]]
    example = example_from(row, vocabulary, statistics)
    assert (example.speaker, example.emotion, example.phones[0]) == (0, 0, 1)
    voiced = np.flatnonzero(row["voiced"])[0]
    z = (np.log(row["f0_hz"][voiced]) - statistics[CORPUS_ROW]["log_f0_mean"]) / 0.3
    assert example.log_f0_z[voiced] == pytest.approx(np.clip(z, -4, 4), abs=1e-5)


def test_unvoiced_frames_are_filled_along_a_line_in_log_f0() -> None:
    nan = np.nan
    filled = fill_unvoiced(np.array([nan, 100.0, nan, 400.0, nan]), 150.0)
    np.testing.assert_allclose(filled, [100, 100, 200, 400, 400])
    np.testing.assert_allclose(fill_unvoiced(np.full(3, nan), 150.0), 150.0)


def test_collate_pads_with_zeros_and_keeps_sums(examples: list[Example]) -> None:
    batch = collate(examples[:5])
    n_frames = [len(e.mel_ln) for e in examples[:5]]
    assert batch.durations.sum(-1).tolist() == n_frames
    assert batch.mel_ln.shape == (5, max(n_frames), N_MELS)
    for row, length in enumerate(n_frames):
        assert not batch.mel_ln[row, length:].any()
        assert not batch.prosody.log_f0_z[row, length:].any()


def test_a_broken_vocabulary_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text('{"phones": []}', encoding="utf-8")
    with pytest.raises(TableError, match="run `dvc repro normalise`"):
        read_vocabulary(tmp_path)
