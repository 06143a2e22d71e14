"""Forced alignment with pocketsphinx and the US English model in its wheel: what pip alone installs.

Other languages are aligned with the English phones that are nearest to theirs (`pipeline.text.phone_map`), and keep their own symbols.
"""

from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.aligners.alignment import END_TOLERANCE_S, Alignment, Spoken, speech, tile
from pipeline.text.g2p import arpabet
from pipeline.text.normalise import words as words_of
from pipeline.text.pronunciations import Pronunciation, pronunciations
from schemas.errors import RowError
from schemas.params import PocketsphinxParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, SPOKEN_NOISE, Interval

if TYPE_CHECKING:
    from pocketsphinx import Decoder

SAMPLE_RATE_HZ = 16000
LOWEST_SCORE = -200.0  # as a least score it rejects nothing

_FRAMES_PER_S = 100
_NOISE_DB = -25.0  # re the utterance's RMS: the model knows rooms; of 170 clean espeak clips it lost 58 without this and the beams, then 0
_FILLERS = {"SIL": SILENCE, "+NSN+": SPOKEN_NOISE, "+SPN+": SPOKEN_NOISE}


class _Beams(NamedTuple):
    """Likelihood ratios to the best path below which others are given up: of states, of phones' ends, of words' ends."""

    beam: float
    pbeam: float
    wbeam: float


_BEAMS = (_Beams(1e-80, 1e-80, 1e-60), _Beams(1e-200, 1e-200, 1e-150))  # tried in turn; its own are 1e-48, 1e-48, 7e-29


class _NoPathError(Exception):
    """The search ended without a path."""


class _Named(NamedTuple):
    """A word of the transcript, the name under which the decoder knows it, and its pronunciations (none: the phones are ARPAbet)."""

    word: str
    name: str
    pronunciations: tuple[Pronunciation, ...]


class _Labelled(NamedTuple):
    """Intervals of one utterance in whole frames of 10 ms, and the sum of the phones' scores."""

    words: list[tuple[str, int, int]]
    phones: list[tuple[str, int, int]]
    score: int


class PocketsphinxAligner:
    """One decoder, used again for each utterance; results do not depend on what was aligned before.

    Boundaries come out early by 7.8 ms: a frame's window of 25.6 ms starts at its time instead of being centred on it, so the
    boundary between two frames lies 12.8 - 5 ms later than the number says. `boundary_shift_s` undoes that (7 ms left the least bias
    after refinement: docs/experiments.md).

    Parameters
    ----------
    params
        `align.pocketsphinx`.
    """

    def __init__(self, params: PocketsphinxParams) -> None:
        self._params = params
        self._decoders: dict[_Beams, Decoder] = {}
        self._name = f"pocketsphinx {version('pocketsphinx')}"

    def align(self, spoken: Spoken, samples: NDArray[np.float32]) -> Alignment:
        """Words and phones of one utterance: English in ARPAbet without stress, other languages in espeak-ng's IPA without stress.

        Parameters
        ----------
        spoken
            Its text is normalised here.
        samples
            float32 of shape (n,) at `SAMPLE_RATE_HZ`, in [-1, 1].

        Raises
        ------
        RowError
            `TEXT_EMPTY`, `AUDIO_CHANGED` (another length than ingest saw), `OUT_OF_VOCABULARY` (names the words),
            `ALIGNMENT_NO_SPEECH` (digital silence), `ALIGNMENT_FAILED` (no path through the audio), `ALIGNMENT_LOW_SCORE` (text and
            audio differ), or as `tile`.
        """
        words = words_of(spoken.text, spoken.language)
        if not words:
            raise RowError(Reason.TEXT_EMPTY, f"no words in {spoken.text[:100]!r}")
        _check_length(samples, spoken.duration_s)
        if not samples.any():
            raise RowError(Reason.ALIGNMENT_NO_SPEECH, "all samples are zero; replace the recording or remove its line", 0.0)
        labelled = self._labelled(words, spoken.language, _pcm(samples))
        score = labelled.score / sum(n for _, _, n in labelled.phones)
        if fault := low_score(score, spoken.language, self._params):
            raise fault
        end_s, shift_s = spoken.duration_s, self._params.boundary_shift_s
        return Alignment(
            words=speech(_seconds(labelled.words, shift_s, end_s), end_s),
            phones=tile(_seconds(labelled.phones, shift_s, end_s), end_s),
            duration_s=end_s,
            score=score,
            text_read=" ".join(words),
            aligner=self._name,
        )

    def _labelled(self, words: list[str], language: str, pcm: bytes) -> _Labelled:
        for beams in _BEAMS:
            with suppress(_NoPathError):
                return self._attempt(words, language, pcm, beams)
        raise RowError(Reason.ALIGNMENT_FAILED, "pocketsphinx finds no path through the audio; text and audio may differ")

    def _attempt(self, words: list[str], language: str, pcm: bytes, beams: _Beams) -> _Labelled:
        decoder = self._decoders.pop(beams, None) or _new_decoder(beams)  # a failure leaves it stuck: only one that went through is kept
        named = self._english_words(decoder, words) if _is_english(language) else _foreign_words(decoder, words, language)
        labelled = _decoded(decoder, named, pcm)
        self._decoders[beams] = decoder
        return labelled

    def _english_words(self, decoder: "Decoder", words: list[str]) -> list[_Named]:
        """Words of the decoder's dictionary, the others added to it, or raise naming all that have no pronunciation."""
        unknown = [word for word in dict.fromkeys(words) if decoder.lookup_word(word) is None]
        spelled = {word: _spelled_out(word) if self._params.oov == "g2p" else None for word in unknown}
        without = [word for word, phones in spelled.items() if phones is None]
        if without:
            raise RowError(Reason.OUT_OF_VOCABULARY, "no pronunciation: " + ", ".join(without), float(len(without)))
        for word, phones in spelled.items():
            decoder.add_word(word, phones, update=True)
        return [_Named(word, word, ()) for word in words]


@cache
def process_aligner(params: PocketsphinxParams) -> PocketsphinxAligner:
    """The one aligner of this process (a decoder takes 0.1 s and 30 MB to make)."""
    return PocketsphinxAligner(params)


def low_score(score: float, language: str, params: PocketsphinxParams) -> RowError | None:
    """The fault of a score a frame below the limit of its language; None where it keeps it."""
    key = "min_score" if _is_english(language) else "min_score_mapped"
    least = getattr(params, key)
    if score >= least:
        return None
    return RowError(Reason.ALIGNMENT_LOW_SCORE, f"score {score:.1f} a frame is below {key}={least:g}", round(score, 3))


def _check_length(samples: NDArray[np.float32], duration_s: float) -> None:
    loaded_s = len(samples) / SAMPLE_RATE_HZ
    if abs(loaded_s - duration_s) > END_TOLERANCE_S:
        raise RowError(
            Reason.AUDIO_CHANGED, f"{loaded_s:.3f} s of audio, {duration_s:.3f} s at ingest; run `dvc repro` from ingest", loaded_s
        )


def _new_decoder(beams: _Beams) -> "Decoder":
    from pocketsphinx import Decoder  # 0.1 s: only where alignment happens

    # bestpath=True (the default) loses one clip in six: its lattice has no path to the final state
    # silprob: at its 0.005 a breath before "where" becomes a long HH
    return Decoder(samprate=SAMPLE_RATE_HZ, lm=None, bestpath=False, silprob=0.1, loglevel="FATAL", **beams._asdict())


def _is_english(language: str) -> bool:
    return language.lower().split("-")[0] == "en"


def _foreign_words(decoder: "Decoder", words: list[str], language: str) -> list[_Named]:
    """Words added to the decoder's dictionary under names that tell their pronunciations, so that no earlier utterance's are met."""
    named = []
    for word, said in zip(words, pronunciations(words, language), strict=True):
        spelled = [one.spelled() for one in said]
        name = f"{word}~{sha256('|'.join(spelled).encode()).hexdigest()[:12]}"
        if decoder.lookup_word(name) is None:
            for number, phones in enumerate(spelled, 1):
                decoder.add_word(name if number == 1 else f"{name}({number})", phones, update=number == len(spelled))
        named.append(_Named(word, name, said))
    return named


def _decoded(decoder: "Decoder", named: list[_Named], pcm: bytes) -> _Labelled:
    """First words, then the phones and states within them."""
    try:
        decoder.reinit_feat()  # forget the noise estimate of the utterance before: it changes the times
        decoder.set_align_text(" ".join(one.name for one in named))
        _decode(decoder, pcm)
        if decoder.hyp() is None:
            raise _NoPathError
        decoder.set_alignment()
        _decode(decoder, pcm)
        alignment = decoder.get_alignment()
    except RuntimeError as error:
        raise _NoPathError from error
    if alignment is None:
        raise _NoPathError
    words, phones, score = [], [], 0
    left = iter(named)
    for entry in alignment:  # nested, as the iterator goes: a list of its entries crashes the process
        spans = [(phone.name, phone.start, phone.duration, phone.score) for phone in entry]
        score += sum(span[3] for span in spans)
        silent = entry.name.startswith(("<", "[", "+"))
        word = None if silent else next(left)
        words.append((word.word if word else SILENCE, entry.start, entry.duration))
        phones += _own_phones([span[:3] for span in spans], word.pronunciations if word else ())
    return _Labelled(words, phones, score)


def _own_phones(spans: list[tuple[str, int, int]], said: tuple[Pronunciation, ...]) -> list[tuple[str, int, int]]:
    """Spans of ARPAbet phones as spans of the phones that they stand for."""
    if not said:
        return [(_FILLERS.get(name, name), start, length) for name, start, length in spans]
    spelled = " ".join(name for name, _, _ in spans)
    spoken = next(one for one in said if one.spelled() == spelled)
    own, at = [], 0
    for phone, group in zip(spoken.phones, spoken.arpabet, strict=True):
        part = spans[at : at + len(group)]
        own.append((phone, part[0][1], sum(length for _, _, length in part)))
        at += len(group)
    return own


def _decode(decoder: "Decoder", pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()


def _spelled_out(word: str) -> str | None:
    try:
        return " ".join(arpabet(word))
    except RowError:
        return None


def _pcm(samples: NDArray[np.float32]) -> bytes:
    """16-bit samples with a little noise, the same for each utterance of a length."""
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    noisy = samples + noise * np.sqrt(np.mean(samples**2)) * 10 ** (_NOISE_DB / 20)
    pcm: bytes = np.clip(np.rint(noisy * 32767.0), -32768, 32767).astype("<i2").tobytes()
    return pcm


def _seconds(frames: list[tuple[str, int, int]], shift_s: float, duration_s: float) -> list[Interval]:
    """Frame spans as intervals: inner boundaries moved by the shift, the last one led to the audio's end.

    The last window must fit the audio, so that frames stop up to 26 ms before its end.
    """
    n_frames = max(start + length for _, start, length in frames)

    def at_s(frame: int) -> float:
        if frame == 0:
            return 0.0
        return duration_s if frame == n_frames else min(max(frame / _FRAMES_PER_S + shift_s, 0.0), duration_s)

    return [Interval(label, at_s(start), at_s(start + length)) for label, start, length in frames]
