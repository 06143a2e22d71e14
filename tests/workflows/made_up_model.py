"""An untrained model of the made-up corpus as a file, and how it is spoken with."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from model.speakers import ExternalSpeaker
from pipeline import shards
from schemas.params import Params, load_params
from schemas.tables.synthesis import synthesis_contract
from schemas.tables.voices import VOICE_CHANNELS
from tests.conftest import PROJECT
from tests.model.tiny_model import CONFIG, awake
from tests.workflows.synthetic_features import EMOTIONS, N_MELS, PHONES, SPEAKERS
from workflows.batch_synthesis import SynthesisParams, places, synthesise
from workflows.checkpoint import TtsMetadata, save_tts
from workflows.dataset import Vocabulary, read_statistics, read_voices
from workflows.requests import Requests

ALL = load_params(PROJECT / "params.yaml", Params)
PARAMS = SynthesisParams(
    frames=ALL.frames,
    mel=ALL.mel.model_copy(update={"n_mels": N_MELS}),
    synthesize=ALL.synthesize.model_copy(update={"vocoder": "griffin_lim", "max_reject_share": 1.0}),
)
CONTRACT = synthesis_contract(N_MELS)


@dataclasses.dataclass(frozen=True)
class Spoken:
    """Features and a model that fit each other."""

    features: Path
    model: Path

    def speak(self, wanted: Requests, out: Path, params: SynthesisParams = PARAMS, voices: Path | None = None) -> Path:
        """The folder after a run."""
        recorded = places(self.features, ["toy"], N_MELS)
        synthesise("synthesize", wanted, recorded, self.model, params, out, out.with_suffix(".json"), voices)
        return out


def rows_of(out: Path) -> dict[str, dict[str, object]]:
    """The table of a run by request."""
    return {row["request_id"]: row for row in shards.read_table(out / "synthesis.parquet", CONTRACT).to_pylist()}


def made_up_model(folder: Path, normalise: Path, phones: tuple[str, ...] = PHONES, voices: Path | None = None, **changes: Any) -> Path:
    """``tts.safetensors``, of a changed configuration; with `voices`, of the stage of that name, a model that takes them."""
    vocabulary = Vocabulary(("toy",), phones, SPEAKERS, EMOTIONS)
    kind = {"speaker": "table"} if voices is None else {"speaker": "external", "voice_channels": VOICE_CHANNELS}
    config = dataclasses.replace(CONFIG, n_phones=len(phones) + 2, n_speakers=3, n_emotions=3, **kind, **changes)
    tts = awake(config)
    if voices is not None:
        assert isinstance(tts.speakers, ExternalSpeaker)
        tts.speakers.set_means(torch.from_numpy(read_voices(voices, vocabulary).means))
    lineage = {"dataset": {"toy": "md5:1"}}
    metadata = TtsMetadata(vocabulary, read_statistics(normalise), PARAMS.frames.model_dump(), PARAMS.mel.model_dump(), lineage)
    save_tts(folder / "tts.safetensors", config, tts.state_dict(), metadata)
    return folder / "tts.safetensors"
