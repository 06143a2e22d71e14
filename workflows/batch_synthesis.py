"""Many requests to speech: batches by length, on dask workers where there are many, resumed where a run was broken off.

Each request has a fingerprint of all that its speech depends on. One whose row and recordings stand (`workflows.synthesis_folder`) is not
spoken again; what no request asks for any more is removed at the end.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import cluster, shards
from pipeline.audio import file_sha256
from pipeline.digests import digest
from pipeline.stage import finish
from schemas.errors import EspressivoError, RowError
from schemas.names import unknown
from schemas.params import FramesParams, MelParams, Section, SynthesizeParams
from schemas.reasons import Reason
from schemas.tables.features import features_contract
from schemas.tables.rejects import reject_row
from schemas.tables.synthesis import synthesis_contract
from workflows.dataset import rows_of
from workflows.requests import Request, Requests
from workflows.speaking import Speech, Voice, copy_synthesis, load_voice, speak_request, strangers
from workflows.synthesis_folder import gathered, part_path, prune, standing, write_recording
from workflows.vocoders import vocoder_identity

CODE_VERSION = 1  # raise it when a change of code changes what is spoken: all requests are then spoken again
BATCH_REQUESTS = 8
FEW_REQUESTS = 16  # up to here a cluster takes longer to start than it saves
_FRAMES_A_CHARACTER = 6  # of text, to order requests by length


class SynthesisParams(Section):
    """Parameters that speech depends on."""

    frames: FramesParams
    mel: MelParams
    synthesize: SynthesizeParams


class Place(NamedTuple):
    """Where a feature row lies, and what tells it from another version of itself."""

    path: Path
    group: int
    row: int
    n_frames: int
    speaker: str
    split: str
    fingerprint: str


class Loaded(NamedTuple):
    """What a worker loads once, and what tells it from other contents of the same files.

    Attributes
    ----------
    origins
        What all speech of a run depends on, as plain values.
    unseen
        Speakers whom training never saw, each with the hash of the voice that stands for them, on which their speech depends as well.
    """

    model: Path
    voices: Path | None
    params: SynthesisParams
    origins: tuple[int | str, ...]
    unseen: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, model: Path, params: SynthesisParams, voices: Path | None) -> "Loaded":
        """Arguments as for `workflows.speaking.load_voice`."""
        chosen = params.synthesize
        origins = CODE_VERSION, version("torch"), file_sha256(model), vocoder_identity(chosen), chosen.emotion_space
        unseen = {name: hashlib.sha256(voice.tobytes()).hexdigest() for name, voice in strangers(model, voices).items()}
        return cls(model.absolute(), None if voices is None else voices.absolute(), params, origins, tuple(unseen.items()))


class Job(NamedTuple):
    """A request with the places of the feature rows that it needs, and the fingerprint of its outcome."""

    request: Request
    own: Place | None
    source: Place | None
    fingerprint: str


class Outcome(NamedTuple):
    """What became of a job: a fault, or seconds of speech and the wall seconds that they took."""

    request_id: str
    fault: RowError | None
    speech_s: float
    work_s: dict[str, float]


def places(features: Path, corpora: Sequence[str], n_mels: int) -> dict[str, Place]:
    """Where each utterance's features lie."""
    found: dict[str, Place] = {}
    columns = ["utterance_id", *Place._fields[3:]]
    for path in shards.corpora_shards(features.absolute(), corpora):
        rows = shards.read_table(path, features_contract(n_mels), columns).to_pylist()
        inside = [(group, row) for group, size in enumerate(shards.group_sizes(path)) for row in range(size)]
        for (group, at), row in zip(inside, rows, strict=True):
            utterance_id = row.pop("utterance_id")
            found[utterance_id] = Place(path, group, at, **row)
    return found


def synthesise(
    stage: str,
    wanted: Requests,
    recorded: dict[str, Place],
    model: Path,
    params: SynthesisParams,
    out: Path,
    metrics: Path,
    voices: Path | None = None,
) -> None:
    """Write ``synthesis.parquet``, ``rejects.parquet`` and the recordings under ``wavs/``.

    Parameters
    ----------
    stage
        Name of the stage, for rejects and messages.
    wanted
        What to speak; faulty ones become rejects.
    recorded
        `places` of the features.
    voices
        As for `load_voice`.

    Raises
    ------
    CheckpointError, DependencyError, ParamsError
        If model or vocoder are missing, damaged, or do not fit.
    TooManyRejectsError
        If more rows are rejected than `synthesize.max_reject_share` allows.
    """
    params = SynthesisParams(frames=params.frames, mel=params.mel, synthesize=params.synthesize)  # of a stage's, what workers need
    loaded = Loaded.of(model, params, voices)
    jobs, faults = jobs_of(wanted, recorded, loaded)
    n_mels = params.mel.n_mels
    there = standing(out, n_mels)
    todo = sorted((job for job in jobs if job.fingerprint not in there), key=_length)
    if len(todo) < len(jobs):
        print(f"{stage}: {len(jobs) - len(todo)} of {len(jobs)} requests stand from a run before")
    outcomes = list(_spoken(todo, stage, loaded, out.absolute()))
    faults += [(outcome.request_id, outcome.fault) for outcome in outcomes if outcome.fault is not None]
    rows = gathered({job.fingerprint: job.request.request_id for job in jobs}, out, n_mels)
    n_out = shards.write_groups(out / "synthesis.parquet", rows, synthesis_contract(n_mels))
    rejects = [reject_row(request_id, stage, fault) for request_id, fault in faults]
    shards.write_rejects(out / "rejects.parquet", rejects)
    prune(out, n_mels)
    n_in = len(wanted.sound) + len(wanted.faulty)
    finish(stage, n_in, n_out, rejects, params.synthesize.max_reject_share, metrics, extra=_speed(outcomes))


# --- what is to be done -------------------------------------------------------------------------------------------------------


def jobs_of(wanted: Requests, recorded: dict[str, Place], loaded: Loaded) -> tuple[list[Job], list[tuple[str, RowError]]]:
    """Jobs, and faults by request."""
    jobs, faults, voice_of = [], list(wanted.faulty), dict(loaded.unseen)
    for request in wanted.sound:
        try:
            own, source = (_place(name, recorded) for name in (request.utterance_id, request.copied_from))
        except RowError as error:
            faults.append((request.request_id, error))
            continue
        rows = [place.fingerprint if place else None for place in (own, source)]
        speaker = request.speaker or (own.speaker if own else "")
        voice = [voice_of[speaker]] if speaker in voice_of else []
        jobs.append(Job(request, own, source, digest(*loaded.origins, request.plain(), rows, *voice)))
    return jobs, faults


def _place(utterance_id: str | None, recorded: dict[str, Place]) -> Place | None:
    if utterance_id is None:
        return None
    if utterance_id not in recorded:
        raise RowError(Reason.REQUEST_UNKNOWN_NAME, unknown("utterance", utterance_id, sorted(recorded)))
    return recorded[utterance_id]


def _length(job: Job) -> tuple[int, str]:
    request = job.request
    guess = job.own.n_frames if job.own else _FRAMES_A_CHARACTER * len(request.text or " ".join(request.phones or ()))
    return guess, request.request_id


# --- doing it -----------------------------------------------------------------------------------------------------------------


def _spoken(todo: list[Job], stage: str, loaded: Loaded, out: Path) -> Iterator[Outcome]:
    task = partial(speak_batch, loaded=loaded, out=out)
    batches = cluster.in_batches(todo, BATCH_REQUESTS)
    if len(todo) > FEW_REQUESTS:
        for outcomes in cluster.map_batches(task, batches, stage, lost=_lost):
            yield from outcomes
        return
    for number, batch in enumerate(batches, 1):
        yield from task(batch)
        print(f"{stage}: {min(number * BATCH_REQUESTS, len(todo))}/{len(todo)} requests", flush=True)


def speak_batch(jobs: list[Job], loaded: Loaded, out: Path) -> list[Outcome]:
    """Speak some requests and leave recordings and parts under `out`; runs on workers, which keep model and vocoder."""
    voice = _voice(loaded)
    return [_outcome(job, voice, loaded.params, out) for job in jobs]


@lru_cache(maxsize=2)
def _voice(loaded: Loaded) -> Voice:
    params = loaded.params
    return load_voice(loaded.model, params.synthesize, params.frames, params.mel, loaded.voices)


def _lost(job: Job, error: RowError) -> list[Outcome]:
    return [Outcome(job.request.request_id, error, 0.0, {})]


def _outcome(job: Job, voice: Voice, params: SynthesisParams, out: Path) -> Outcome:
    request = job.request
    try:
        own, source = (place and feature_row(place, params.mel.n_mels) for place in (job.own, job.source))
        speech = speak_request(request, own, source, voice)
        row = _written(job, speech, own, voice, params, out)
    except RowError as error:
        return Outcome(request.request_id, error, 0.0, {})
    except EspressivoError:
        raise
    except Exception as error:  # a vocoder is a foreign package: librosa's and others' errors have bases of their own
        fault = RowError(Reason.SYNTHESIS_FAILED, f"{type(error).__name__}: {error}")
        return Outcome(request.request_id, fault, 0.0, {})
    contract = synthesis_contract(params.mel.n_mels)
    shards.write_table(part_path(out, job.fingerprint), contract.table([row]), contract)
    return Outcome(request.request_id, None, len(speech.samples) / params.frames.sample_rate_hz, speech.seconds)


def feature_row(place: Place, n_mels: int) -> dict[str, Any]:
    """The feature row at a place."""
    table = shards.read_group(place.path, place.group, features_contract(n_mels).arrow.names)
    row = rows_of(table.slice(place.row, 1).combine_chunks())[0]
    return {**row, "phones": [str(phone) for phone in row["phones"]]}  # type: ignore[attr-defined]


def _written(job: Job, speech: Speech, own: dict[str, Any] | None, voice: Voice, params: SynthesisParams, out: Path) -> dict[str, object]:
    """Write the recordings and give the row of the table."""
    request, asked, rate_hz = job.request, speech.asked, params.frames.sample_rate_hz
    origin = origin_of(request, voice)
    told = {**origin, "fingerprint": job.fingerprint}
    copy = None if own is None else copy_synthesis(own, voice)
    return {
        "request_id": request.request_id,
        "utterance_id": request.utterance_id,
        "set": request.set,
        **{name: asked[name] for name in ("speaker", "emotion", "text", "phones")},
        "intensity": request.intensity,
        "prosody": request.prosody,
        "duration_frames": np.asarray(asked["duration_frames"], np.int32),
        "predicted_duration_frames": speech.predicted_durations,
        "n_frames": len(speech.mel_ln),
        "asked_f0_hz": np.asarray(asked["f0_hz"], np.float32),
        "asked_energy_db": np.asarray(asked["energy_db"], np.float32),
        "mel_ln": list(speech.mel_ln),
        "model_wav": write_recording(out, "model", request.request_id, speech.samples, rate_hz, told),
        "copy_wav": None if copy is None else write_recording(out, "copy", request.request_id, copy, rate_hz, {**told, "copy": True}),
        "seed": request.seed,
        "seconds": len(speech.samples) / rate_hz,
        "lineage": json.dumps({**voice.metadata.lineage, **told}, sort_keys=True),
    }


def origin_of(request: Request, voice: Voice) -> dict[str, Any]:
    """What a recording says of itself: the request, the dataset's version, the model, the vocoder."""
    return {
        "request": request.plain(),
        "dataset": voice.metadata.lineage.get("dataset", {}),
        "model_sha256": voice.model_sha256,
        "vocoder": voice.vocoder,
    }


def _speed(outcomes: list[Outcome]) -> dict[str, object]:
    """Real-time factors on this machine: wall seconds of one thread a second of speech. Of nothing when all stood."""
    speech_s = sum(outcome.speech_s for outcome in outcomes)
    if not speech_s:
        return {}
    kinds = ("sampling", "vocoder")
    return {f"{kind}_real_time_factor": round(sum(o.work_s.get(kind, 0.0) for o in outcomes) / speech_s, 3) for kind in kinds}
