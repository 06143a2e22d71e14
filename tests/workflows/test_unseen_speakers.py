"""Requests for a speaker whom training never saw: spoken by their voice where the model takes one, rejected by name where not."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.shards import read_table, write_table
from pipeline.speaker_embedding import mean_voice
from schemas.tables.rejects import REJECTS
from schemas.tables.voices import VOICES
from tests.workflows.made_up_model import PARAMS, Spoken, made_up_model, rows_of
from tests.workflows.synthetic_features import EMOTIONS, PHONES, SPEAKERS, write_corpus, write_voices
from workflows.dataset import Vocabulary, read_voices, unseen_voices
from workflows.requests import Requests, read_requests

STRANGER = "toy/s3"


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    return write_voices(tmp_path / "voices", unseen=STRANGER)


def speaking(folder: Path, voices: Path | None) -> Spoken:
    features, normalise = write_corpus(folder, n_training=4, n_validation=1)
    return Spoken(features, made_up_model(folder, normalise, voices=voices))


def wishes(folder: Path, names: tuple[str, ...] = (*SPEAKERS, STRANGER)) -> Requests:
    rows = [f"{name},a b i t a,{name},angry,3" for name in names]
    (folder / "wishes.csv").write_text("\n".join(["request_id,phones,speaker,emotion,seed", *rows]) + "\n", encoding="utf-8")
    return read_requests(folder / "wishes.csv", PARAMS.synthesize)


def test_a_stranger_is_spoken_by_their_voice(tmp_path: Path, voices: Path) -> None:
    out = speaking(tmp_path, voices).speak(wishes(tmp_path), tmp_path / "out", voices=voices)
    mels = {name: row["mel_ln"] for name, row in rows_of(out).items()}
    assert set(mels) == {*SPEAKERS, STRANGER}
    assert not any(np.array_equal(mels[STRANGER], mels[name]) for name in SPEAKERS)


def test_a_model_that_takes_no_voices_rejects_a_stranger_with_the_names_that_it_knows(tmp_path: Path, voices: Path) -> None:
    out = speaking(tmp_path, None).speak(wishes(tmp_path), tmp_path / "out", voices=voices)
    assert set(rows_of(out)) == set(SPEAKERS)
    (reject,) = read_table(out / "rejects.parquet", REJECTS).to_pylist()
    assert (reject["utterance_id"], reject["reason"]) == (STRANGER, "request_unknown_name")
    assert "there are: toy/s1, toy/s2" in reject["detail"]


def test_a_stranger_whose_voice_changed_is_spoken_again_and_nobody_else(tmp_path: Path, voices: Path) -> None:
    model, out = speaking(tmp_path, voices), tmp_path / "out"
    before = rows_of(model.speak(wishes(tmp_path), out, voices=voices))
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    path = voices / "toy" / "voices.parquet"
    write_table(path, read_table(path, VOICES).slice(0, 30), VOICES)  # one of the stranger's two recordings is gone
    after = rows_of(model.speak(wishes(tmp_path), out, voices=voices))
    assert after[STRANGER]["mel_ln"] != before[STRANGER]["mel_ln"]
    assert {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time} == {"s3"}


def test_voices_of_strangers_are_means_of_all_their_recordings_and_known_speakers_are_none(voices: Path) -> None:
    vocabulary = Vocabulary(("toy",), PHONES, SPEAKERS, EMOTIONS)
    found, heard = unseen_voices(voices, vocabulary), read_voices(voices, vocabulary)
    assert list(found) == [STRANGER]
    np.testing.assert_allclose(found[STRANGER], mean_voice(heard.vectors[-2:]), atol=1e-6)
    assert not heard.means[0].any()
    assert heard.means[1:].any(axis=1).all()
