"""Stage synthesize: a split spoken again from its own features, in batches; the real mels through the vocoder beside it."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor

from model.conditioning import EmotionMix
from model.samplers import start_noise
from model.tts import Batch, Prediction, Sampling, Tts
from pipeline import shards
from pipeline.stage import finish, run_main
from schemas.errors import ParamsError, RowError, TableError
from schemas.params import FramesParams, MelParams, Section, SynthesizeParams, load_params
from schemas.reasons import Reason
from schemas.tables.features import features_contract
from schemas.tables.rejects import reject_row
from schemas.tables.speakers import CORPUS_ROW
from schemas.tables.synthesis import SPLIT_SET, synthesis_contract
from workflows.checkpoint import TtsMetadata, load_tts
from workflows.dataset import Example, Statistics, collate, example_from
from workflows.emotion_mix import mix_of, parse_mix
from workflows.prosody import ProsodyEdit, copied, edited
from workflows.vocoders import Vocoder, load_vocoder

BATCH_UTTERANCES = 8


class SynthesizeStageParams(Section):
    """What synthesize reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    synthesize: SynthesizeParams


class Clock:
    """Wall seconds spent in each kind of work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"sampling": 0.0, "vocoder": 0.0}

    @contextmanager
    def of(self, work: str) -> Iterator[None]:
        """Add the time of a block to `work`."""
        started = time.perf_counter()
        yield
        self.seconds[work] += time.perf_counter() - started


@dataclass(frozen=True)
class Speaker:
    """All that turns feature rows into speech: model, metadata, vocoder, parameters, the row whose prosody all take (or None), a clock."""

    model: Tts
    metadata: TtsMetadata
    vocode: Vocoder
    params: SynthesizeStageParams
    prosody_source: dict[str, Any] | None
    clock: Clock


@dataclass(frozen=True)
class Spoken:
    """What the model made of a batch: mels (B, T, n_mels) in ln, and durations (B, L)."""

    mel_ln: NDArray[np.float32]
    durations: NDArray[np.int64]


def main(
    features: Annotated[Path, typer.Option(help="Folder of feature shards.")],
    model: Annotated[Path, typer.Option(help="Checkpoint, tts.safetensors.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    metrics: Annotated[Path, typer.Option(help="JSON file for the counts and scores.")],
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Synthesise a split."""
    run(load_params(params, SynthesizeStageParams), features, model, out, metrics)


def run(params: SynthesizeStageParams, features: Path, model: Path, out: Path, metrics: Path) -> None:
    """Write ``synthesis.parquet``, ``rejects.parquet`` and the recordings under ``wavs/``.

    Parameters
    ----------
    features
        Folder of feature shards, one sub-folder a corpus.
    model
        ``tts.safetensors``.
    out, metrics
        Folder of the stage, file of its counts.

    Raises
    ------
    TableError
        If the split is empty.
    CheckpointError
        If the model or vocoder does not fit.
    """
    tts, metadata = load_tts(model)
    grid = params.frames.grid()
    paths = shards.corpora_shards(features, metadata.vocabulary.corpora)
    source = _row_named(paths, params.synthesize.prosody_from)
    speaker = Speaker(tts, metadata, load_vocoder(params.synthesize, grid, params.mel), params, source, Clock())
    rows = _rows_of_split(paths, params)
    done, rejects = [], []
    for number, batch in enumerate(_by_length(rows)):
        for row, result in zip(batch, _speak_rows(batch, speaker, out), strict=True):
            if isinstance(result, Exception):
                rejects.append(reject_row(str(row["utterance_id"]), "synthesize", result))
            else:
                done.append(result)
        print(f"synthesize: {min((number + 1) * BATCH_UTTERANCES, len(rows))}/{len(rows)} utterances", flush=True)
    contract = synthesis_contract(params.mel.n_mels)
    shards.write_table(out / "synthesis.parquet", contract.table(done), contract)
    shards.write_rejects(out / "rejects.parquet", rejects)
    finish("synthesize", len(rows), len(done), rejects, params.synthesize.max_reject_share, metrics, extra=_speed(done, speaker.clock))


def utterance_seed(seed: int, utterance_id: str) -> int:
    """Seed of one utterance's noise: it depends on nothing but the two, so neither batches nor other utterances matter."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{utterance_id}".encode()).digest()[:7], "big")


def _rows_of_split(paths: list[Path], params: SynthesizeStageParams) -> list[dict[str, Any]]:
    contract = features_contract(params.mel.n_mels)
    tables = [shards.read_table(path, contract) for path in paths]
    rows = [row for table in tables for row in table.to_pylist() if row["split"] == params.synthesize.split]
    if not rows:
        raise TableError(
            f"no utterance in split '{params.synthesize.split}'; raise ingest.{params.synthesize.split}_share or choose another split"
        )
    return rows


def _row_named(paths: list[Path], utterance_id: str | None) -> dict[str, Any] | None:
    if utterance_id is None:
        return None
    found = [row for row in shards.iter_rows(paths) if row["utterance_id"] == utterance_id]
    if not found:
        raise ParamsError(f"synthesize.prosody_from: no utterance '{utterance_id}' among the features; name one of them, or null")
    return found[0]


def _by_length(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    ordered = sorted(rows, key=lambda row: (row["n_frames"], row["utterance_id"]))
    for start in range(0, len(ordered), BATCH_UTTERANCES):
        yield ordered[start : start + BATCH_UTTERANCES]


def _speak_rows(rows: list[dict[str, Any]], speaker: Speaker, out: Path) -> Iterator[dict[str, object] | Exception]:
    """A table row for each utterance, or the exception that it met."""
    params, metadata = speaker.params.synthesize, speaker.metadata
    seeds = [utterance_seed(params.seed, row["utterance_id"]) for row in rows]
    with speaker.clock.of("sampling"):
        mix = _mix(rows, speaker)
        predicted = speaker.model.predict(collate(_examples(rows, metadata)).conditions, mix=mix)
        asked = [_asked(row, index, predicted, speaker) for index, row in enumerate(rows)]
        spoken = speak(speaker.model, collate(_examples(asked, metadata)), seeds, params, mix)
    for index, row in enumerate(rows):
        try:
            lengths = predicted.durations[index, : len(row["phones"])].tolist()
            yield _rendered({**row, "predicted_duration_frames": lengths}, asked[index], index, spoken, seeds[index], speaker, out)
        except (RowError, RuntimeError, ValueError) as error:
            yield error


def speak(model: Tts, batch: Batch, seeds: list[int], params: SynthesizeParams, mix: EmotionMix | None = None) -> Spoken:
    """Mels of a batch with its own prosody; the noise of each row comes from its seed alone."""
    lengths, n_mels = batch.durations.sum(-1).tolist(), batch.mel_ln.shape[-1]

    def noise(draw: int) -> Tensor:
        return start_noise([utterance_seed(seed, str(draw)) for seed in seeds], lengths, n_mels)

    sampling = Sampling(params.sampler, params.n_steps, params.temperature)
    mel_ln = model.synthesise(batch.conditions, batch.durations, batch.prosody, noise, sampling, mix)
    return Spoken(mel_ln.numpy(), batch.durations.numpy())


def with_predicted(row: dict[str, Any], index: int, predicted: Prediction, scale: dict[str, float]) -> dict[str, Any]:
    """A feature row with the predicted durations, F0 (Hz) and energy (dB) of row `index` of a prediction in place of its own."""
    lengths = predicted.durations[index, : len(row["phones"])].numpy()
    pitch, voiced, energy = (
        track[index, : int(lengths.sum())].double().numpy()
        for track in (predicted.prosody.log_f0_z, predicted.prosody.voiced, predicted.prosody.energy_z)
    )
    f0_hz = np.where(voiced > 0, np.exp(pitch * scale["log_f0_std"] + scale["log_f0_mean"]), np.nan)
    energy_db = energy * scale["energy_std_db"] + scale["energy_mean_db"]
    return {**row, "duration_frames": lengths, "n_frames": int(lengths.sum()), "f0_hz": f0_hz, "energy_db": energy_db}


def _asked(row: dict[str, Any], index: int, predicted: Prediction, speaker: Speaker) -> dict[str, Any]:
    """The row with the prosody to be spoken: its own, predicted or another's, and edited."""
    params, statistics = speaker.params.synthesize, speaker.metadata.statistics
    if params.prosody == "predicted":
        row = with_predicted(row, index, predicted, statistics.get(row["speaker"], statistics[CORPUS_ROW]))
    if speaker.prosody_source is not None:
        row = copied(row, in_range_of(speaker.prosody_source, row["speaker"], statistics))
    return edited(row, ProsodyEdit(params.pitch_shift_semitones, params.pitch_range_scale, params.energy_shift_db, params.rate))


def in_range_of(source: dict[str, Any], name: str, statistics: Statistics) -> dict[str, Any]:
    """A row whose F0 and energy lie in another speaker's range where they lay in its own: the same z-scores."""
    own, other = (statistics.get(speaker, statistics[CORPUS_ROW]) for speaker in (source["speaker"], name))
    log_f0_z = (np.log(np.asarray(source["f0_hz"], np.float64)) - own["log_f0_mean"]) / own["log_f0_std"]
    energy_z = (np.asarray(source["energy_db"], np.float64) - own["energy_mean_db"]) / own["energy_std_db"]
    f0_hz = np.exp(log_f0_z * other["log_f0_std"] + other["log_f0_mean"])
    return {**source, "f0_hz": f0_hz, "energy_db": energy_z * other["energy_std_db"] + other["energy_mean_db"]}


def _mix(rows: list[dict[str, Any]], speaker: Speaker) -> EmotionMix | None:
    """The emotions that all rows are spoken with; None: each row's own, as learnt."""
    params, vocabulary = speaker.params.synthesize, speaker.metadata.vocabulary
    n_phones = [len(row["phones"]) for row in rows]
    if params.emotion is not None:
        return mix_of(parse_mix(params.emotion, vocabulary), n_phones, params.emotion_space, params.emotion_scale)
    if params.emotion_scale == 1.0:
        return None
    ids = torch.tensor([vocabulary.emotion_id(row["emotion"]) for row in rows])
    own = torch.nn.functional.one_hot(ids, len(vocabulary.emotions) + 1).float()
    return EmotionMix(own.unsqueeze(1).expand(-1, max(n_phones), -1), "embedding", params.emotion_scale)


def _examples(rows: list[dict[str, Any]], metadata: TtsMetadata) -> list[Example]:
    return [example_from(row, metadata.vocabulary, metadata.statistics) for row in rows]


def _rendered(
    row: dict[str, Any], asked: dict[str, Any], index: int, spoken: Spoken, seed: int, speaker: Speaker, out: Path
) -> dict[str, object]:
    """Vocode one utterance of a batch, write both recordings, and give its row."""
    n_phones, params = len(row["phones"]), speaker.params
    durations = spoken.durations[index, :n_phones].astype(np.int32)
    mel_ln = np.ascontiguousarray(spoken.mel_ln[index, : durations.sum()], dtype=np.float32)
    if not len(mel_ln) or not np.isfinite(mel_ln).all():
        raise RowError(Reason.SYNTHESIS_FAILED, f"the model's mel of {len(mel_ln)} frames is empty or not finite")
    with speaker.clock.of("vocoder"):
        samples = speaker.vocode(mel_ln)
    rate, asked_for = params.frames.sample_rate_hz, params.synthesize
    return {
        **{name: row[name] for name in ("utterance_id", "speaker", "text", "phones")},
        "request_id": row["utterance_id"],
        "set": SPLIT_SET,
        "emotion": asked_for.emotion or row["emotion"],
        "intensity": asked_for.emotion_scale,
        "prosody": asked_for.prosody if asked_for.prosody_from is None else f"copy:{asked_for.prosody_from}",
        "asked_f0_hz": np.asarray(asked["f0_hz"], np.float32),
        "asked_energy_db": np.asarray(asked["energy_db"], np.float32),
        "duration_frames": durations.tolist(),
        "predicted_duration_frames": row["predicted_duration_frames"],
        "n_frames": len(mel_ln),
        "mel_ln": list(mel_ln),
        "model_wav": _write_wav(out, "model", row["utterance_id"], samples, rate),
        "copy_wav": _write_wav(out, "copy", row["utterance_id"], speaker.vocode(np.asarray(row["mel_ln"], np.float32)), rate),
        "seed": seed,
        "seconds": len(samples) / rate,
        "lineage": json.dumps({**speaker.metadata.lineage, "synthesize": params.synthesize.model_dump()}, sort_keys=True),
    }


def _write_wav(out: Path, kind: str, utterance_id: str, samples: NDArray[np.float32], sample_rate_hz: int) -> str:
    """Write 16-bit PCM and return the path relative to `out`. Ids are corpus/speaker/stem, checked by their contract."""
    relative = Path("wavs") / kind / f"{utterance_id}.wav"
    path = out / relative
    if not path.resolve().is_relative_to((out / "wavs" / kind).resolve()):
        raise RowError(Reason.PATH_OUTSIDE_ROOT, f"the id {utterance_id!r} leaves the output folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(samples, -1.0, 1.0), sample_rate_hz, subtype="PCM_16")
    return relative.as_posix()


def _speed(done: list[dict[str, Any]], clock: Clock) -> dict[str, object]:
    """Real-time factors on this machine: wall seconds a second of speech."""
    seconds = sum(row["seconds"] for row in done) or float("nan")
    factors: dict[str, object] = {f"{work}_real_time_factor": round(spent / seconds, 3) for work, spent in clock.seconds.items()}
    return {**factors, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    run_main("workflows.synthesize")
