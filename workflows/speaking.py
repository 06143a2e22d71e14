"""One request to speech: names checked, prosody as asked for, the model, the vocoder. One utterance and one thread at a time.

Sums in a network's kernels depend in their last bits on the shape of the batch and on the number of threads. Alone and on one thread, a
request gives the same bytes wherever it is spoken, and on a CPU costs less than in a padded batch (docs/experiments.md).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from model.batch import Batch, Conditions
from model.emotions import EmotionMix
from model.samplers import start_noise
from model.tts import Prediction, Sampling, Tts
from pipeline.audio import file_sha256
from pipeline.text.phonemes import phones_of
from schemas.errors import ParamsError, RowError
from schemas.names import unknown
from schemas.params import FramesParams, MelParams, SynthesizeParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE
from schemas.tables.speakers import CORPUS_ROW
from workflows.checkpoint import TtsMetadata, load_tts, read_header
from workflows.dataset import Statistics, collate, example_from, unseen_voices, vocabulary_from
from workflows.emotion_mix import mix_of, parse_mix
from workflows.prosody import edited
from workflows.prosody_copy import copied
from workflows.requests import Request, utterance_seed
from workflows.vocoders import Vocoder, load_vocoder, vocoder_identity

Row = dict[str, Any]

_NO_VOICE: NDArray[np.float32] = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Voice:
    """All that turns requests into speech, and what tells it from another: the model's hash, the vocoder's.

    `unseen` has the d-vector of each speaker that the model does not know by name and can speak as all the same.
    """

    model: Tts
    metadata: TtsMetadata
    vocode: Vocoder
    emotion_space: str
    model_sha256: str
    vocoder: str
    unseen: Mapping[str, NDArray[np.float32]]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Speech:
    """A request spoken.

    Parameters
    ----------
    asked
        What the model was told: `speaker`, `emotion`, `text`, `phones`, `duration_frames`, `n_frames`, `f0_hz` (NaN unvoiced), `energy_db`.
    predicted_durations
        Frames a phone as the duration predictor says.
    mel_ln
        float32 of shape (n_frames, n_mels).
    samples
        float32 of shape (n_frames * hop,), in [-1, 1].
    seconds
        Wall seconds spent in `sampling` and `vocoder`.
    """

    asked: Row
    predicted_durations: list[int]
    mel_ln: NDArray[np.float32]
    samples: NDArray[np.float32]
    seconds: dict[str, float] = field(default_factory=dict)


def load_voice(model: Path, params: SynthesizeParams, frames: FramesParams, mel: MelParams, voices: Path | None = None) -> Voice:
    """Model and vocoder, on the GPU where there is one.

    Parameters
    ----------
    voices
        Folder of the stage voices, for speakers never seen in training; None, or a model that has `speaker: table`: there are none.

    Raises
    ------
    CheckpointError, DependencyError, ParamsError
        If they are missing, damaged, or do not fit each other.
    """
    tts, metadata = load_tts(model)
    own = {"frames": metadata.frames, "mel": metadata.mel}
    if own != {"frames": frames.model_dump(), "mel": mel.model_dump()}:
        raise ParamsError(f"{model} was trained on {own}; set frames and mel of params.yaml so, or train again")
    vocode, unseen = load_vocoder(params, frames.grid(), mel), strangers(model, voices)
    return Voice(tts.to(_device()), metadata, vocode, params.emotion_space, file_sha256(model), vocoder_identity(params), unseen)


def strangers(model: Path, voices: Path | None) -> dict[str, NDArray[np.float32]]:
    """The d-vector of each speaker whom training never saw and the model can speak as all the same; arguments as for `load_voice`."""
    header, _ = read_header(model)
    if voices is None or header["config"].get("speaker") != "external":
        return {}
    return unseen_voices(voices, vocabulary_from(header["vocabulary"]))


def speak_request(request: Request, own: Row | None, source: Row | None, voice: Voice) -> Speech:
    """Speak.

    Parameters
    ----------
    request
        What is wished for.
    own
        The feature row of `request.utterance_id`.
    source
        The feature row whose prosody is copied.

    Raises
    ------
    RowError
        If the model does not know the speaker, an emotion or a phone, the text cannot be read, or the output is not finite.
    """
    started = time.perf_counter()
    with _one_thread():
        said = said_of(request, own, voice)
        mix = mix_for(request, said, voice)
        predicted = voice.model.predict(conditions_of(said, voice), None if mix is None else mix.to(voice.device))
        asked = _asked(request, with_predicted(said, 0, predicted, scale_of(said, voice)), own, source, voice)
        asked["mel_ln"] = np.zeros((asked["n_frames"], voice.model.config.n_mels), np.float32)
        batch = collate([example_from(asked, voice.metadata.vocabulary, voice.metadata.statistics)])
        sampling = Sampling(request.sampler, request.n_steps, request.temperature)
        mel_ln = np.ascontiguousarray(speak(voice.model, batch, [request.seed], sampling, mix)[0])
        if not len(mel_ln) or not np.isfinite(mel_ln).all():
            raise RowError(Reason.SYNTHESIS_FAILED, f"the model's mel of {len(mel_ln)} frames is empty or not finite")
        sampled = time.perf_counter()
        samples = voice.vocode(mel_ln, np.asarray(asked["f0_hz"], np.float64))
        if not np.isfinite(samples).all():
            raise RowError(Reason.SYNTHESIS_FAILED, "the vocoder's samples are not finite")
    seconds = {"sampling": sampled - started, "vocoder": time.perf_counter() - sampled}
    return Speech(asked, predicted.durations[0].tolist(), mel_ln, samples, seconds)


def copy_synthesis(row: Row, voice: Voice) -> NDArray[np.float32]:
    """A recording's mel through the vocoder."""
    with _one_thread():
        return voice.vocode(np.asarray(row["mel_ln"], np.float32), np.asarray(row["f0_hz"], np.float64))


def speak(model: Tts, batch: Batch, seeds: list[int], sampling: Sampling, mix: EmotionMix | None = None) -> NDArray[np.float32]:
    """Mels of a batch with its own prosody, ln, float32 of shape (B, T, n_mels); the noise of each row comes from its seed alone."""
    lengths, n_mels = batch.durations.sum(-1).tolist(), batch.mel_ln.shape[-1]

    def noise(draw: int) -> Tensor:
        return start_noise([utterance_seed(seed, str(draw)) for seed in seeds], lengths, n_mels)

    device = next(model.parameters()).device
    on, mix = batch.to(device), None if mix is None else mix.to(device)
    mel_ln: NDArray[np.float32] = model.synthesise(on.conditions, on.durations, on.prosody, noise, sampling, mix).cpu().numpy()
    return mel_ln


def said_of(request: Request, own: Row | None, voice: Voice) -> Row:
    """Who says what and how: `speaker`, `emotion`, `text`, `phones`, all known to the model (a recording's own may be unknown)."""
    vocabulary = voice.metadata.vocabulary
    known = (*vocabulary.speakers, *voice.unseen)
    if request.speaker is not None and request.speaker not in known:
        raise RowError(Reason.REQUEST_UNKNOWN_NAME, unknown("speaker", request.speaker, known))
    base: Row = {name: own[name] for name in ("speaker", "emotion", "text", "phones")} if own is not None else {}
    if own is None:
        phones = list(request.phones) if request.phones is not None else _read(request, vocabulary.phones)
        strange = [phone for phone in phones if phone not in vocabulary.phones]
        if strange:
            raise RowError(Reason.PHONE_UNKNOWN, unknown("phone", strange[0], vocabulary.phones), float(len(strange)))
        base = {"text": request.text or " ".join(phones), "phones": phones}
    for name in ("speaker", "emotion"):
        if getattr(request, name) is not None:
            base[name] = getattr(request, name)
    base["voice"] = voice.unseen.get(base["speaker"], _NO_VOICE)
    return {**base, "utterance_id": request.request_id, "phones": list(base["phones"])}


def mix_for(request: Request, said: Row, voice: Voice) -> EmotionMix | None:
    """The mix of emotions; None for one emotion at intensity 1, as learnt."""
    vocabulary, n_phones = voice.metadata.vocabulary, len(said["phones"])
    if request.emotion is not None:
        try:
            shares = parse_mix(request.emotion, vocabulary)
        except ParamsError as error:
            raise RowError(Reason.REQUEST_UNKNOWN_NAME, str(error)) from None
        if request.emotion in vocabulary.emotions and request.intensity == 1.0:
            return None
        return mix_of(shares, [n_phones], voice.emotion_space, request.intensity)
    if request.intensity == 1.0:
        return None
    own = np.zeros((1, len(vocabulary.emotions) + 1))
    own[0, vocabulary.emotion_id(said["emotion"])] = 1.0
    return mix_of(own, [n_phones], "embedding", request.intensity)


def conditions_of(said: Row, voice: Voice) -> Conditions:
    """A batch of one, on the model's device."""
    vocabulary, scale = voice.metadata.vocabulary, scale_of(said, voice)
    conditions = Conditions(
        torch.from_numpy(vocabulary.phone_ids(said["phones"])).unsqueeze(0),
        torch.tensor([vocabulary.speaker_id(said["speaker"])]),
        torch.tensor([vocabulary.emotion_id(said["emotion"])]),
        torch.tensor([[scale["log_f0_mean"], scale["log_f0_std"]]]),
        torch.from_numpy(said.get("voice", _NO_VOICE)).unsqueeze(0),
    )
    return conditions.to(voice.device)


def scale_of(said: Row, voice: Voice) -> dict[str, float]:
    """The speaker's statistics, or the corpus's for one that training never saw."""
    statistics = voice.metadata.statistics
    return statistics.get(said["speaker"], statistics[CORPUS_ROW])


def with_predicted(row: Row, index: int, predicted: Prediction, scale: dict[str, float]) -> Row:
    """A row with the predicted durations, F0 (Hz) and energy (dB) of row `index` of a prediction in place of its own."""
    lengths = predicted.durations[index, : len(row["phones"])].cpu().numpy()
    pitch, voiced, energy = (
        track[index, : int(lengths.sum())].cpu().double().numpy()
        for track in (predicted.prosody.log_f0_z, predicted.prosody.voiced, predicted.prosody.energy_z)
    )
    f0_hz = np.where(voiced > 0, np.exp(pitch * scale["log_f0_std"] + scale["log_f0_mean"]), np.nan)
    energy_db = energy * scale["energy_std_db"] + scale["energy_mean_db"]
    return {**row, "duration_frames": lengths, "n_frames": int(lengths.sum()), "f0_hz": f0_hz, "energy_db": energy_db}


def in_range_of(source: Row, name: str, statistics: Statistics) -> Row:
    """A row whose F0 and energy lie in another speaker's range where they lay in its own: the same z-scores."""
    own, other = (statistics.get(speaker, statistics[CORPUS_ROW]) for speaker in (source["speaker"], name))
    log_f0_z = (np.log(np.asarray(source["f0_hz"], np.float64)) - own["log_f0_mean"]) / own["log_f0_std"]
    energy_z = (np.asarray(source["energy_db"], np.float64) - own["energy_mean_db"]) / own["energy_std_db"]
    f0_hz = np.exp(log_f0_z * other["log_f0_std"] + other["log_f0_mean"])
    return {**source, "f0_hz": f0_hz, "energy_db": energy_z * other["energy_std_db"] + other["energy_mean_db"]}


def copied_onto(predicted: Row, source: Row, voice: Voice) -> Row:
    """A predicted row with the prosody of another utterance, in this row's speaker's range."""
    own = voice.model.predict(conditions_of(source, voice))
    as_predicted = with_predicted(source, 0, own, scale_of(source, voice))
    statistics = voice.metadata.statistics
    theirs, theirs_predicted = (in_range_of(row, predicted["speaker"], statistics) for row in (source, as_predicted))
    return copied(predicted, theirs, theirs_predicted)


def _asked(request: Request, predicted: Row, own: Row | None, source: Row | None, voice: Voice) -> Row:
    """The row with the prosody to be spoken: its own, predicted or another's, and edited."""
    row = predicted
    if source is not None:
        row = copied_onto(predicted, source, voice)
    elif request.prosody == "reference" and own is not None:
        row = {**predicted, **{name: own[name] for name in ("duration_frames", "n_frames", "f0_hz", "energy_db")}}
    if request.curves is not None and len(request.curves.rate) != len(row["phones"]):
        phones = " ".join(row["phones"])
        raise RowError(
            Reason.REQUEST_INVALID, f"curves of {len(request.curves.rate)} numbers for {len(row['phones'])} phones, which are: {phones}"
        )
    return edited(row, request.edit, request.curves)


def _read(request: Request, known: Sequence[str]) -> list[str]:
    """Phones of the request's text, without silence where the model knows none."""
    try:
        phones = phones_of(str(request.text), request.language)
    except ParamsError as error:
        raise RowError(Reason.REQUEST_INVALID, str(error)) from None
    return [phone for phone in phones if phone != SILENCE or SILENCE in known]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch's kernels and for BLAS (in Griffin-Lim's inversion): sums of several differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
