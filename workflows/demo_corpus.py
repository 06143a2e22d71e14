"""The demo corpus: two espeak-ng voices in five emotions, laid out like the Emotional Speech Dataset, with true phone times.

<out>/0011/0001.txt                            0011_000001 <tab> text <tab> Neutral
<out>/0011/Neutral/0011_000001.wav             22050 Hz, 16 bit
<out>/true_phones/0011/0011_000001.TextGrid    tiers `words` and `phones` as espeak-ng made them
<out>/README.md
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from pipeline.aligners.textgrid import write_textgrid
from pipeline.stage import run_main
from pipeline.text.espeak import Speech, VoiceSettings, speak
from schemas.errors import CorpusError
from schemas.tables.alignments import SILENCE, Interval

SEED = 20240501
SENTENCES_PER_EMOTION = 17
SHARED_SENTENCES = 6  # spoken by both speakers in all emotions

_EDGE_S = 0.12  # silence before and after the speech
_NOISE_STEPS = 24.0  # standard deviation of the room noise in int16 steps, -63 dB; at -75 dB pocketsphinx fails far more often
_SENTENCES = Path(__file__).with_name("demo_sentences.txt")
_MARKER = "README.md"


@dataclass(frozen=True)
class Manner:
    """An emotion as espeak-ng's settings (see `VoiceSettings`)."""

    rate_wpm: int
    pitch: int
    pitch_range: int
    volume: int


@dataclass(frozen=True)
class Utterance:
    """What is to be spoken: ESD's id (`0011_000001`), and by whom, how, and with which noise."""

    utterance_id: str
    speaker: str
    emotion: str
    text: str
    settings: VoiceSettings
    noise_seed: tuple[int, int]


# Most variants will not do: an echo fills silences and stop closures, and pocketsphinx rejects the higher voices (33 of the 85
# utterances of en-us+Annie, none of these two).
# ESD numbers its English men from 0011 and women from 0015.
SPEAKERS = {"0011": "en-us+adam", "0015": "en-us+f1"}
EMOTIONS = {
    "Neutral": Manner(rate_wpm=165, pitch=45, pitch_range=40, volume=54),
    "Angry": Manner(rate_wpm=192, pitch=55, pitch_range=80, volume=74),
    "Happy": Manner(rate_wpm=178, pitch=64, pitch_range=75, volume=62),
    "Sad": Manner(rate_wpm=132, pitch=30, pitch_range=18, volume=40),
    "Surprise": Manner(rate_wpm=170, pitch=78, pitch_range=99, volume=64),
}  # ESD's names


def make(out: Path, seed: int = SEED, sentences_per_emotion: int = SENTENCES_PER_EMOTION) -> None:
    """Write the corpus into `out`, in place of an earlier one; the same arguments give the same bytes in every file.

    Parameters
    ----------
    out
        Folder to make.
    seed
        Chooses the sentences and the room noise, >= 0.
    sentences_per_emotion
        Utterances of each speaker in each emotion, 1 .. 60.

    Raises
    ------
    CorpusError
        If `out` holds something that is no demo corpus, or there are not enough sentences.
    """
    _clear(out)
    utterances = list(plan(seed, sentences_per_emotion))
    seconds = sum(_write_utterance(out, utterance) for utterance in utterances)
    for speaker in SPEAKERS:
        lines = [f"{u.utterance_id}\t{u.text}\t{u.emotion}\n" for u in utterances if u.speaker == speaker]
        (out / speaker / f"{speaker}.txt").write_text("".join(lines), encoding="utf-8")
    summary = f"{len(utterances)} utterances, {seconds / 60:.1f} minutes"
    (out / _MARKER).write_text(_readme(summary, seed), encoding="utf-8")
    print(f"demo corpus: {summary} in {out}")


def plan(seed: int, sentences_per_emotion: int) -> Iterator[Utterance]:
    """The utterances of the corpus in order of id: each speaker and emotion has the shared sentences first, then its own."""
    sentences = _SENTENCES.read_text(encoding="utf-8").splitlines()
    if not 1 <= sentences_per_emotion <= len(sentences):
        raise CorpusError(f"sentences_per_emotion={sentences_per_emotion} must be 1 .. {len(sentences)}; add lines to {_SENTENCES.name}")
    rng = np.random.default_rng(seed)
    order = [sentences[index] for index in rng.permutation(len(sentences))]
    n_shared = min(SHARED_SENTENCES, sentences_per_emotion)
    own = _dealt(order[n_shared:], rng)
    for speaker_index, (speaker, voice) in enumerate(SPEAKERS.items()):
        number = 0
        for emotion, manner in EMOTIONS.items():
            settings = VoiceSettings(voice, manner.rate_wpm, manner.pitch, manner.pitch_range, manner.volume)
            texts = order[:n_shared]
            while len(texts) < sentences_per_emotion:
                texts = list(dict.fromkeys([*texts, next(own)]))
            for text in texts:
                number += 1
                noise_seed = (seed, speaker_index * 1_000_000 + number)
                yield Utterance(f"{speaker}_{number:06d}", speaker, emotion, text, settings, noise_seed)


def trimmed(speech: Speech, edge_s: float) -> Speech:
    """The speech with exactly `edge_s` seconds of zeros before and after it, its times moved along."""
    rate = speech.sample_rate_hz
    spoken = [phone for phone in speech.phones if phone.label != SILENCE]
    first, last = round(spoken[0].start_s * rate), round(spoken[-1].end_s * rate)
    edge = np.zeros(round(edge_s * rate), np.int16)
    samples = np.concatenate([edge, speech.samples[first:last], edge])
    shift_s = (len(edge) - first) / rate

    def moved(interval: Interval) -> Interval:
        return Interval(interval.label, interval.start_s + shift_s, interval.end_s + shift_s)

    inner = [moved(phone) for phone in speech.phones if spoken[0].start_s <= phone.start_s < spoken[-1].end_s]
    before, after = Interval(SILENCE, 0.0, inner[0].start_s), Interval(SILENCE, inner[-1].end_s, len(samples) / rate)
    return Speech(samples, rate, (before, *inner, after), tuple(map(moved, speech.words)))


def _dealt(sentences: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Sentences without end, each as often as any other."""
    while sentences:
        yield from (sentences[index] for index in rng.permutation(len(sentences)))


def _write_utterance(out: Path, utterance: Utterance) -> float:
    """Write one recording and its times; returns its length in seconds."""
    speech = trimmed(speak(utterance.text, utterance.settings), _EDGE_S)
    noise = np.random.default_rng(utterance.noise_seed).normal(0.0, _NOISE_STEPS, len(speech.samples))
    samples = np.clip(np.round(speech.samples + noise), -32768, 32767).astype(np.int16)
    wav = out / utterance.speaker / utterance.emotion / f"{utterance.utterance_id}.wav"
    wav.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(wav, samples, speech.sample_rate_hz, subtype="PCM_16")
    duration_s = len(samples) / speech.sample_rate_hz
    tiers = {"words": list(speech.words), "phones": list(speech.phones)}
    write_textgrid(out / "true_phones" / utterance.speaker / f"{utterance.utterance_id}.TextGrid", tiers, duration_s)
    return duration_s


def _clear(out: Path) -> None:
    """Remove an earlier demo corpus, and nothing else."""
    if out.exists() and any(out.iterdir()):
        if not (out / _MARKER).is_file() or not (out / _MARKER).read_text(encoding="utf-8").startswith(_TITLE):
            raise CorpusError(f"{out} is not empty and holds no demo corpus; name another folder with --out, or empty it yourself")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


_TITLE = "# Demo corpus of Espressivo"


def _readme(summary: str, seed: int) -> str:
    voices = "".join(f"- `{speaker}`: espeak-ng voice `{voice}`\n" for speaker, voice in SPEAKERS.items())
    manners = "".join(f"| {name} | {m.rate_wpm} | {m.pitch} | {m.pitch_range} | {m.volume} |\n" for name, m in EMOTIONS.items())
    return f"""{_TITLE}

Synthetic speech, made by `python -m workflows.demo_corpus` (seed {seed}): {summary}, 22050 Hz, laid out like the
Emotional Speech Dataset. No person was recorded; sentences and audio may be used freely.

{voices}
| emotion | words a minute | pitch | pitch range | volume |
|---|---|---|---|---|
{manners}
The numbers are espeak-ng's own settings. White noise at -63 dB re full scale is added, so that silence is never digital zero.
`true_phones/` holds the times at which espeak-ng placed words and phones (IPA, no stress; empty label: silence). The closure of a
stop belongs to it, except after a pause; a vowel after l, r, w, j begins after the transition into it; an l that espeak-ng sounds
inside its vowel is one phone with it ("ɛl" in shelf).
"""


def main(
    out: Annotated[Path, typer.Option(help="Folder to make the corpus in.")],
    seed: Annotated[int, typer.Option(min=0, help="Chooses sentences and noise.")] = SEED,
    sentences_per_emotion: Annotated[int, typer.Option(help="Utterances of each speaker in each emotion.")] = SENTENCES_PER_EMOTION,
) -> None:
    """Make the demo corpus with espeak-ng."""
    make(out, seed, sentences_per_emotion)


if __name__ == "__main__":
    run_main("workflows.demo_corpus")
