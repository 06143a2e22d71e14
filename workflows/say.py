"""`espressivo say`: a sentence to a recording, from the model alone."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import DependencyError, ParamsError, RowError
from schemas.names import unknown
from schemas.params import FramesParams, MelParams, Section, SynthesizeParams, load_params

if TYPE_CHECKING:
    from workflows.dataset import Vocabulary
    from workflows.requests import Request

PLAYERS = (("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"), ("paplay",), ("aplay", "-q"), ("afplay",))
_UNITS = {"pitch": ("st", "semitones"), "energy": ("dB", "decibels")}


class SayParams(Section):
    """What `say` reads of `params.yaml`."""

    frames: FramesParams
    mel: MelParams
    synthesize: SynthesizeParams


def say(
    text: Annotated[str, typer.Argument(help="what to say")],
    speaker: Annotated[str | None, typer.Option(help="a speaker of the model; default: its first")] = None,
    emotion: Annotated[str | None, typer.Option(help="happy, a mix angry:0.6,sad:0.4, a change neutral > sad; default: neutral")] = None,
    intensity: Annotated[float, typer.Option(help="intensity of the emotion: 0 none, 1 as learnt, 2 as far again")] = 1.0,
    pitch: Annotated[str, typer.Option(help="shift of F0 in semitones, such as +2st")] = "0st",
    pitch_range: Annotated[float, typer.Option("--range", help="scale of F0's range: 0 monotone, 1 as it is, 2 twice")] = 1.0,
    energy: Annotated[str, typer.Option(help="shift of energy, such as -3dB")] = "0dB",
    rate: Annotated[float, typer.Option(help="speed: 0.9 is slower")] = 1.0,
    copy: Annotated[str | None, typer.Option(help="id of an utterance of the features whose prosody is copied")] = None,
    language: Annotated[str | None, typer.Option(help="of the text, as espeak-ng names voices")] = None,
    seed: Annotated[int | None, typer.Option(help="of the noise: the same seed gives the same bytes")] = None,
    steps: Annotated[int | None, typer.Option(help="steps of the sampler")] = None,
    out: Annotated[Path, typer.Option(help="the recording, 16-bit WAV")] = Path("say.wav"),
    play: Annotated[bool, typer.Option("--play", help="play it as well")] = False,
    model: Annotated[Path, typer.Option(help="the model")] = Path("models/tts.safetensors"),
    features: Annotated[Path, typer.Option(help="folder of features, read for --copy alone")] = Path("data/extract"),
    params: Annotated[Path, typer.Option(help="the parameters")] = Path("params.yaml"),
) -> None:
    """Say a sentence; speakers and emotions are those of the model."""
    from workflows.checkpoint import read_header  # torch, 3 s: no other command is to wait for it
    from workflows.dataset import vocabulary_from
    from workflows.requests import request_from

    given = load_params(params, SayParams)
    header, _ = read_header(model)
    vocabulary = vocabulary_from(header["vocabulary"])
    wish: dict[str, Any] = {
        "text": text,
        "speaker": speaker or vocabulary.speakers[0],
        "emotion": emotion or default_emotion(vocabulary),
        "intensity": intensity,
        "prosody": "predicted" if copy is None else f"copy:{copy}",
        "pitch_shift_semitones": amount(pitch, "pitch"),
        "pitch_range_scale": pitch_range,
        "energy_shift_db": amount(energy, "energy"),
        "rate": rate,
        "language": language,
        "seed": seed,
        "n_steps": steps,
    }
    player = find_player() if play else None
    try:
        request = request_from(wish, given.synthesize, "say")
        speak_to(request, out, model, features, given)
    except RowError as error:
        raise ParamsError(f"{error.detail}. `espressivo doctor` lists what the model knows") from None
    if player is not None:
        subprocess.run([*player, str(out)], check=False)


def speak_to(request: "Request", out: Path, model: Path, features: Path, params: SayParams) -> None:
    """Speak a request to a file and print what was said."""
    from workflows.batch_synthesis import feature_row, origin_of, places
    from workflows.speaking import load_voice, speak_request
    from workflows.wav_metadata import write_wav

    voice = load_voice(model, params.synthesize, params.frames, params.mel)
    source = None
    if request.copied_from is not None:
        recorded = places(features, voice.metadata.vocabulary.corpora, params.mel.n_mels)
        if request.copied_from not in recorded:
            raise ParamsError(unknown("utterance", request.copied_from, sorted(recorded)))
        source = feature_row(recorded[request.copied_from], params.mel.n_mels)
    speech = speak_request(request, None, source, voice)
    rate_hz = params.frames.sample_rate_hz
    write_wav(out, speech.samples, rate_hz, origin_of(request, voice))
    seconds = len(speech.samples) / rate_hz
    took = ", ".join(f"{kind} {spent:.1f} s" for kind, spent in speech.seconds.items())
    print(f"{out}: {seconds:.2f} s, {request.speaker}, {request.emotion}, seed {request.seed}, {took}")
    print(f"phones: {' '.join(speech.asked['phones'])}")


def default_emotion(vocabulary: "Vocabulary") -> str:
    """Neutral, or the first that the model knows."""
    return "neutral" if "neutral" in vocabulary.emotions else vocabulary.emotions[0]


def amount(text: str, what: str) -> float:
    """A number with or without its unit: ``+2st``, ``-3dB``, ``1.5``.

    Raises
    ------
    ParamsError
        If it is no such number.
    """
    unit, name = _UNITS[what]
    found = re.fullmatch(rf"\s*([+-]?\d+(?:\.\d+)?)\s*(?:{unit})?\s*", text, re.IGNORECASE)
    if found is None:
        raise ParamsError(f"--{what} '{text}' is no number of {name}; write such as +2{unit} or -1.5{unit}")
    return float(found[1])


def find_player() -> list[str]:
    """A program that plays recordings, with its arguments.

    Raises
    ------
    DependencyError
        If there is none.
    """
    for program, *arguments in PLAYERS:
        if shutil.which(program):
            return [program, *arguments]
    names = ", ".join(name for name, *_ in PLAYERS)
    raise DependencyError(f"--play needs one of {names}: sudo apt-get install ffmpeg; or leave --play out and open the file")
