"""Requests for a speaker whom training never saw: spoken by their voice where the model takes one, rejected by name where not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.speakers import ExternalSpeaker
from model.tts import Tts
from pipeline.shards import read_table
from pipeline.speaker_embedding import mean_voice
from schemas.params import Params, load_params
from schemas.tables.rejects import REJECTS
from schemas.tables.synthesis import synthesis_contract
from schemas.tables.voices import VOICE_CHANNELS
from tests.conftest import PROJECT
from tests.model.tiny_model import CONFIG
from tests.workflows.synthetic_features import EMOTIONS, N_MELS, PHONES, SPEAKERS, write_corpus, write_voices
from workflows.batch_synthesis import SynthesisParams, synthesise
from workflows.checkpoint import TtsMetadata, save_tts
from workflows.dataset import Vocabulary, read_statistics, read_voices, unseen_voices
from workflows.requests import read_requests

STRANGER = "toy/s3"
ALL = load_params(PROJECT / "params.yaml", Params)
PARAMS = SynthesisParams(
    frames=ALL.frames,
    mel=ALL.mel.model_copy(update={"n_mels": N_MELS}),
    synthesize=ALL.synthesize.model_copy(update={"vocoder": "griffin_lim", "max_reject_share": 1.0}),
)
VOCABULARY = Vocabulary(("toy",), PHONES, SPEAKERS, EMOTIONS)


def model_of(folder: Path, speaker: str, voices: Path) -> Path:
    _, normalise = write_corpus(folder, n_training=4, n_validation=1)
    torch.manual_seed(0)
    config = dataclasses.replace(
        CONFIG, n_phones=len(PHONES) + 2, n_speakers=3, n_emotions=3, speaker=speaker, voice_channels=VOICE_CHANNELS
    )
    tts = Tts(config)
    if isinstance(tts.speakers, ExternalSpeaker):
        tts.speakers.set_means(torch.from_numpy(read_voices(voices, VOCABULARY).means))
    metadata = TtsMetadata(VOCABULARY, read_statistics(normalise), PARAMS.frames.model_dump(), PARAMS.mel.model_dump(), {"dataset": {}})
    save_tts(folder / "tts.safetensors", config, tts.state_dict(), metadata)
    return folder / "tts.safetensors"


@pytest.mark.parametrize(("kind", "spoken"), [("external", True), ("table", False)])
def test_a_stranger_is_spoken_by_their_voice_or_rejected_with_the_names_that_are_known(tmp_path: Path, kind: str, spoken: bool) -> None:
    voices = write_voices(tmp_path / "voices", unseen=STRANGER)
    wishes = tmp_path / "wishes.csv"
    rows = [f"{name},a b i t a,{name},angry,3" for name in (*SPEAKERS, STRANGER)]
    wishes.write_text("\n".join(["request_id,phones,speaker,emotion,seed", *rows]) + "\n", encoding="utf-8")
    model = model_of(tmp_path, kind, voices)
    synthesise("synthesize", read_requests(wishes, PARAMS.synthesize), {}, model, PARAMS, tmp_path / "out", tmp_path / "m.json", voices)
    table = read_table(tmp_path / "out" / "synthesis.parquet", synthesis_contract(N_MELS))
    mels = dict(zip(table.column("request_id").to_pylist(), table.column("mel_ln").to_pylist(), strict=True))
    assert set(mels) == {*SPEAKERS, STRANGER} if spoken else set(SPEAKERS)
    if spoken:
        assert not any(np.array_equal(mels[STRANGER], mels[name]) for name in SPEAKERS)
    else:
        (reject,) = read_table(tmp_path / "out" / "rejects.parquet", REJECTS).to_pylist()
        assert (reject["utterance_id"], reject["reason"]) == (STRANGER, "request_unknown_name")


def test_voices_of_strangers_are_means_of_all_their_recordings_and_known_speakers_are_none(tmp_path: Path) -> None:
    voices = write_voices(tmp_path / "voices", unseen=STRANGER)
    found, heard = unseen_voices(voices, VOCABULARY), read_voices(voices, VOCABULARY)
    assert list(found) == [STRANGER]
    np.testing.assert_allclose(found[STRANGER], mean_voice(heard.vectors[-2:]), atol=1e-6)
    assert not heard.means[0].any()
    assert heard.means[1:].any(axis=1).all()
