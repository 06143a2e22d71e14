"""Does a speaker never seen in training sound like themselves? See ``python -m benchmarks.unseen_speaker --help``.

One speaker's rows are taken out, a small model with `model.speaker: external` is trained on the rest, and utterances of that speaker are
spoken with their own prosody and several voices: the speaker's own (mean vector of the utterances that are not spoken), none, and each
training speaker's. Printed for each: cosine to the speaker's mean vector, to the nearest training speaker's, and how often the speaker
is the nearest of all. "copy" is the real mel through the vocoder, the most that can be had.

The judge is the same Resemblyzer that made the vectors: it favours whatever its own vectors carry. Prosody is the recording's in all
rows, so what differs is the voice alone.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from model.samplers import start_noise
from model.tts import Sampling, Tts
from pipeline.audio import resample
from pipeline.normalise import NormaliseStageParams
from pipeline.normalise import run as normalise
from pipeline.shards import corpora_shards, read_table, write_table
from pipeline.speaker_embedding import SAMPLE_RATE_HZ, mean_voice, voice_of
from schemas.params import Params, load_params
from schemas.tables.features import features_contract
from schemas.tables.voices import VOICES
from workflows.checkpoint import TtsMetadata, load_tts
from workflows.dataset import collate, example_from
from workflows.train import TrainStageParams
from workflows.train import run as train
from workflows.vocoders import load_vocoder

SAMPLING = Sampling("ode2", 2, 1.5)
Vector = NDArray[np.float32]


def without(data: Path, corpus: str, speaker: str, n_mels: int, out: Path) -> list[dict[str, Any]]:
    """Write the corpus's shards without a speaker below `out`, and return that speaker's rows."""
    contract, held_out = features_contract(n_mels), []
    for path in corpora_shards(data / "extract", [corpus]):
        rows = read_table(path, contract).to_pylist()
        held_out += [row for row in rows if row["speaker"] == speaker]
        kept = [row for row in rows if row["speaker"] != speaker]
        write_table(out / "extract" / corpus / path.name, contract.table(kept), contract, row_group_rows=16)
    return sorted(held_out, key=lambda row: str(row["utterance_id"]))


def mels(model: Tts, metadata: TtsMetadata, rows: list[dict[str, Any]], voice: Vector) -> list[Vector]:
    """Rows spoken with their own prosody and one voice; zeros: an unknown one."""
    batch = collate([example_from({**row, "voice": voice}, metadata.vocabulary, metadata.statistics) for row in rows])
    conditions = replace(batch.conditions, speaker=torch.zeros_like(batch.conditions.speaker))
    lengths = batch.durations.sum(-1).tolist()
    noise = start_noise(list(range(len(rows))), lengths, batch.mel_ln.shape[-1])
    mel_ln = model.synthesise(conditions, batch.durations, batch.prosody, lambda _: noise, SAMPLING).numpy()
    return [mel[:length] for mel, length in zip(mel_ln, lengths, strict=True)]


def trained(params: Params, data: Path, out: Path, steps: int) -> tuple[Tts, TtsMetadata]:
    """A model of voices, from the shards that `without` has written."""
    sections = {name: getattr(params, name) for name in NormaliseStageParams.model_fields}
    normalise(NormaliseStageParams(**sections), out / "extract", out / "normalise")
    external = params.model.model_copy(update={"speaker": "external"})
    short = params.train.model_copy(update={"max_steps": steps, "picture_utterances": 0})
    settings = TrainStageParams(frames=params.frames, mel=params.mel, model=external, train=short)
    train(settings, out / "extract", out / "normalise", data / "voices", out / "models", out / "metrics.json", out / "plots")
    return load_tts(out / "models" / "tts.safetensors")


def likeness(vectors: NDArray[np.float32], means: dict[str, Vector], speaker: str) -> dict[str, Any]:
    """Cosines of d-vectors, float32 of shape (n, channels), to the mean of the speaker and of the others."""
    cosines = {who: vectors @ mean for who, mean in means.items()}
    others = np.stack([value for who, value in cosines.items() if who != speaker])
    return {
        "to_speaker": float(cosines[speaker].mean()),
        "to_nearest_other": float(others.max(axis=0).mean()),
        "speaker_is_nearest": float((cosines[speaker] > others.max(axis=0)).mean()),
        "to_each": {who: float(value.mean()) for who, value in cosines.items()},
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder with extract/ and voices/.")],
    corpus: Annotated[str, typer.Option()],
    speaker: Annotated[str, typer.Option(help="Held out: corpus/name.")],
    out: Annotated[Path, typer.Option(help="Folder for shards, model and results.")],
    steps: Annotated[int, typer.Option()] = 800,
    utterances: Annotated[int, typer.Option(help="Spoken, of the speaker held out.")] = 10,
    params_file: Annotated[Path, typer.Option("--params")] = Path("params.yaml"),
) -> None:
    """Train without a speaker, and listen to how the model speaks as them."""
    params = load_params(params_file, Params)
    held_out = without(data, corpus, speaker, params.mel.n_mels, out)
    model, metadata = trained(params, data, out, steps)
    vocode = load_vocoder(params.synthesize, params.frames.grid(), params.mel)
    table = read_table(data / "voices" / corpus / "voices.parquet", VOICES).to_pylist()
    chosen = [held_out[at] for at in np.linspace(0, len(held_out) - 1, utterances).round().astype(int)]
    spoken_ids = {row["utterance_id"] for row in chosen}
    means = {
        name: mean_voice(np.array([row["voice"] for row in table if row["speaker"] == name and row["utterance_id"] not in spoken_ids]))
        for name in (speaker, *metadata.vocabulary.speakers)
    }
    voices = {"own": means[speaker], "none": np.zeros_like(means[speaker]), **{n: v for n, v in means.items() if n != speaker}}

    def heard(mel_ln: Vector) -> Vector:
        samples = vocode(np.ascontiguousarray(mel_ln, dtype=np.float32))
        return voice_of(resample(samples, params.frames.sample_rate_hz, SAMPLE_RATE_HZ))

    real = [np.asarray(row["mel_ln"], np.float32) for row in chosen]
    results: dict[str, Any] = {}
    for name in ("copy", *voices):
        made = real if name == "copy" else mels(model, metadata, chosen, voices[name])
        results[name] = found = likeness(np.stack([heard(mel_ln) for mel_ln in made]), means, speaker)
        near = f"to speaker {found['to_speaker']:.3f}, to nearest other {found['to_nearest_other']:.3f}"
        print(f"{speaker} as {name:12s} {near}, speaker is nearest {found['speaker_is_nearest']:.0%}", flush=True)
    between = {who: float(means[speaker] @ mean) for who, mean in means.items() if who != speaker}
    (out / "result.json").write_text(json.dumps({"results": results, "between_speakers": between, "steps": steps}, indent=2))
    print(f"cosines of the speaker's own mean vector to the others': { ({who: round(value, 3) for who, value in between.items()}) }")


if __name__ == "__main__":
    typer.run(main)
