"""espeak-ng from the wheel `espeakng_loader`: speech with true phone times, and pronunciations.

The library keeps state between calls (flutter, breath noise, filter memory), so the same text would give other bytes after
another text. Each call therefore loads the library afresh, seeds its noise, and unloads it again: 5 ms, and the bytes depend on
text and settings alone.
"""

import _ctypes
import ctypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from pipeline.text.speech_events import Event, intervals
from schemas.errors import DependencyError, ParamsError, RowError
from schemas.reasons import Reason
from schemas.tables.alignments import Interval

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_LIST_END, _WORD, _PHONEME = 0, 1, 7
_IPA_SEPARATED = 0x02 | ord("_") << 8
_MAX_TEXT_CHARS = 10_000
_SEED = 1

_LOCK = threading.Lock()


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class VoiceSettings:
    """How to speak.

    Parameters
    ----------
    voice
        Language and variant as espeak-ng names them, such as ``en-us+m3``.
    rate_wpm
        Words a minute, 80 .. 450.
    pitch
        Base pitch, 0 .. 99; 50 is the voice's own.
    pitch_range
        Width of the intonation, 0 (monotone) .. 99; 50 is the voice's own.
    volume
        Amplitude, 0 .. 200; 100 is normal. From about 80 on, the loudest vowels of some voices are limited at full scale.

    Raises
    ------
    ParamsError
        If a number is out of range.
    """

    voice: str
    rate_wpm: int
    pitch: int
    pitch_range: int
    volume: int

    def __post_init__(self) -> None:
        for name, low, high in (("rate_wpm", 80, 450), ("pitch", 0, 99), ("pitch_range", 0, 99), ("volume", 0, 200)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ParamsError(f"{name}={value} is outside {low} .. {high} of espeak-ng; choose a number inside")


@dataclass(frozen=True)
class Speech:
    """Synthesised speech: int16 samples of shape (n,), and the true times of its phones (tiling [0, n / rate]) and words."""

    samples: NDArray[np.int16]
    sample_rate_hz: int
    phones: tuple[Interval, ...]
    words: tuple[Interval, ...]


def speak(text: str, settings: VoiceSettings) -> Speech:
    """Speak `text`: the same bytes for the same arguments, in any process and after any other call.

    Parameters
    ----------
    text
        At most 10,000 characters, spoken as plain text (no mark-up).
    settings
        Voice and manner.

    Returns
    -------
    Speech
        At espeak-ng's own rate of 22050 Hz. Phones are IPA without stress marks; see `pipeline.text.speech_events` for what a
        boundary means.

    Raises
    ------
    RowError
        TEXT_EMPTY if nothing in `text` can be spoken, or it is too long.
    ParamsError
        If espeak-ng has no such voice.
    """
    _check_length(text)
    chunks: list[NDArray[np.int16]] = []
    events: list[Event] = []

    def collect(wave: Any, n_samples: int, first: Any) -> int:
        if wave and n_samples:
            chunks.append(np.ctypeslib.as_array(wave, (n_samples,)).astype(np.int16))
        events.extend(_read_events(first))
        return 0

    with _library() as (library, sample_rate_hz):
        callback = _Callback(collect)  # keeps it alive while C holds it
        library.espeak_SetSynthCallback(callback)
        _set_voice(library, settings.voice)
        for parameter, value in (
            (_RATE, settings.rate_wpm), (_VOLUME, settings.volume), (_PITCH, settings.pitch), (_RANGE, settings.pitch_range),
        ):  # fmt: skip
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode(errors="replace")
        library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 1, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
    if not any(event.kind == "phone" and event.name for event in events):
        raise RowError(Reason.TEXT_EMPTY, f"espeak-ng finds nothing to say in {text!r}")
    samples = np.concatenate(chunks)
    return Speech(samples, sample_rate_hz, *intervals(text, events, samples, sample_rate_hz))


def pronounce(text: str, language: str) -> list[list[str]]:
    """IPA phones of each white-space separated token of `text`, each token read on its own.

    Parameters
    ----------
    text
        At most 10,000 characters.
    language
        espeak-ng voice such as ``en-us``.

    Returns
    -------
    list of list of str
        One list a token, in order; phones carry their stress mark (``ˈ``, ``ˌ``). Empty for a token that is not spoken.

    Raises
    ------
    ParamsError
        If espeak-ng has no such voice.
    """
    _check_length(text)
    with _library() as (library, _):
        _set_voice(library, language)
        return [_token_phones(library, token) for token in text.split()]


def pronounce_clause(text: str, language: str) -> list[list[str]]:
    """IPA phones of each word of `text`, the words read together: function words are reduced, liaisons made.

    As `pronounce`, but espeak-ng decides what is a word: it joins some tokens ("of the") and splits others.
    """
    _check_length(text)
    with _library() as (library, _):
        _set_voice(library, language)
        return _words_phones(library, text)


def _token_phones(library: ctypes.CDLL, token: str) -> list[str]:
    return [phone for word in _words_phones(library, token) for phone in word]


def _words_phones(library: ctypes.CDLL, text: str) -> list[list[str]]:
    left = ctypes.c_char_p(text.encode(errors="replace"))
    words: list[list[str]] = []
    while left.value is not None:  # a clause a call; the pointer is null after the last
        ipa: bytes = library.espeak_TextToPhonemes(ctypes.byref(left), _CHARS_UTF8, _IPA_SEPARATED) or b""
        plain = re.sub(r"\([a-z-]+\)", "", ipa.decode())  # "(fr)" where it goes over to another language's sounds
        words += [[phone for phone in word.split("_") if phone.strip("ˈˌ")] for word in plain.split()]
    return words


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """A freshly loaded and initialised library, and its sample rate; one at a time."""
    with _LOCK:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            library.espeak_TextToPhonemes.restype = ctypes.c_char_p
            data_path = espeakng_loader.get_data_path().encode()
            options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
            sample_rate_hz = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, options)
            if sample_rate_hz <= 0:
                raise DependencyError(f"espeak-ng cannot start with its data in {data_path!r}; reinstall espeakng-loader")
            library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
            yield library, sample_rate_hz
            library.espeak_Terminate()
        finally:
            _ctypes.dlclose(library._handle)


def _set_voice(library: ctypes.CDLL, voice: str) -> None:
    """Set the voice, or that of the bare language where espeak-ng keeps no regional one (its fr-fr is the voice fr)."""
    language, plus, variant = voice.partition("+")
    for name in (voice, language.partition("-")[0] + plus + variant):
        if library.espeak_SetVoiceByName(name.encode()) == 0:
            return
    raise ParamsError(f"espeak-ng has no voice {voice!r}; use a name such as en-us, de or fr-fr, with a variant as in en-us+m3")


def _read_events(first: Any) -> Iterator[Event]:
    index = 0
    while (event := first[index]).type != _LIST_END:
        if event.type == _WORD:
            yield Event("word", event.sample, event.text_position - 1, "")
        elif event.type == _PHONEME:
            name = event.id.string.decode(errors="ignore")  # espeak-ng cuts names at 8 bytes, perhaps inside a character
            yield Event("phone", event.sample, event.text_position - 1, name)
        index += 1


def _check_length(text: str) -> None:
    if len(text) > _MAX_TEXT_CHARS:
        raise RowError(
            Reason.TEXT_EMPTY, f"text of {len(text)} characters, espeak-ng is given at most {_MAX_TEXT_CHARS}; cut it", len(text)
        )
