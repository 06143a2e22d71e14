"""The fault corpus: four small corpora in which every recording but a few good ones has one fault, and what must become of each.

A case is a function that spoils (or only changes) a good recording. Its name is the recording's; its decorator says in which corpus it
stands, at which stage the row is rejected and why, or that it is kept. `tests/test_faults.py` runs the stages over all; `docs/reasons.md`
names the first case of each reason as its example.
"""

import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from pipeline.aligners.textgrid import write_textgrid
from pipeline.text.espeak import VoiceSettings, speak
from schemas.params import AdapterName, AlignerName, CsvTable
from schemas.reasons import Reason
from schemas.tables.alignments import Interval

RATE_HZ = 16000
CorpusName = Literal["grids", "spoken", "listed", "lines"]
Fate = tuple[str, tuple[Reason, ...]]  # stage, and the reasons that are right there
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """How a corpus of the four is read and aligned."""

    adapter: AdapterName
    aligner: AlignerName
    table: CsvTable | None = None


LAYOUTS: dict[CorpusName, Layout] = {
    "grids": Layout("folder", "textgrid"),
    "spoken": Layout("folder", "pocketsphinx"),
    "listed": Layout("folder", "textgrid", CsvTable(file="list.csv", delimiter=",", audio="wav", text="text", speaker="who", emotion=None)),
    "lines": Layout("ljspeech", "textgrid"),
}
NONE_LOST = "none"  # fate of what is neither a row nor a reject: it is no recording


@dataclass
class Place:
    """Where a case puts its files, with a good recording already there."""

    root: Path
    folder: str
    name: str
    lines: list[bytes] = field(default_factory=list)  # of the corpus's metadata file

    def path(self, suffix: str = ".wav") -> Path:
        """The case's file with this suffix."""
        return self.root / self.folder / f"{self.name}{suffix}"

    def record(self, samples: Samples, rate_hz: int = RATE_HZ, suffix: str = ".wav", **options: str) -> None:
        """Replace the recording."""
        self.path().unlink(missing_ok=True)
        sf.write(self.path(suffix), samples, rate_hz, **options)

    def say(self, text: str | bytes) -> None:
        """Replace the transcript beside it."""
        self.path(".txt").write_bytes(text.encode() if isinstance(text, str) else text)

    def grid(self, *phones: Interval, end_s: float = 1.0, **tiers: list[Interval]) -> None:
        """Replace the TextGrid."""
        write_textgrid(self.path(".TextGrid"), {"phones": list(phones)} | tiers, end_s)

    def line(self, text: str | bytes) -> None:
        """Replace the line of metadata."""
        self.lines[:] = [text.encode() if isinstance(text, str) else text]


@dataclass(frozen=True)
class Case:
    """One recording, how it is made, and what must become of it."""

    name: str
    corpus: CorpusName
    make: Callable[[Place], object]
    fate: Fate | None  # None: kept
    row_id: str  # of the row or the reject
    later: tuple[str, Callable[[Place], object]] | None  # something that happens before that stage


CASES: list[Case] = []


def case(
    corpus: CorpusName,
    stage: str | None = None,
    *reasons: Reason,
    name: str | None = None,
    row_id: str | None = None,
    later: tuple[str, Callable[[Place], object]] | None = None,
) -> Callable[[Callable[[Place], object]], Callable[[Place], object]]:
    """Enter a function as a case: kept without `stage`, else rejected there.

    `name` and `row_id` are given where they are not the function's name and the id of the good recording.
    """

    def enter(make: Callable[[Place], object]) -> Callable[[Place], object]:
        known = {"grids": "s", "spoken": "s", "listed": "who", "lines": "lines"}[corpus]
        fate = None if stage is None else (stage, reasons)
        called = name or make.__name__
        CASES.append(Case(called, corpus, make, fate, row_id or f"{corpus}/{known}/{called}", later))
        return make

    return enter


def build(root: Path, corpus: CorpusName) -> dict[str, Place]:
    """Make one of the four corpora; the places by case."""
    places: dict[str, Place] = {}
    for one in (each for each in CASES if each.corpus == corpus):
        place = places[one.name] = Place(root, "wavs" if corpus == "lines" else "s", one.name)
        _make_good(place, corpus)
        one.make(place)
    lines = [line for place in places.values() for line in place.lines]
    if corpus == "listed":
        (root / "list.csv").write_bytes(b"\r\n".join([b"\xef\xbb\xbfwav,text,who", *lines]))
    elif corpus == "lines":
        (root / "metadata.csv").write_bytes(b"\r\n".join([b"\xef\xbb\xbfgood_line|A tone.", *lines[1:]]))
    return places


def _make_good(place: Place, corpus: CorpusName) -> None:
    place.path().parent.mkdir(parents=True, exist_ok=True)
    if corpus == "spoken":
        place.record(speech(), 22050)
        place.say(SENTENCE)
    else:
        place.record(TONE)
        place.grid(*PHONES)
        place.say("A tone.")
    place.line(f"{place.name}|A tone." if corpus == "lines" else f"s/{place.name}.wav,A tone.,who")


# --- sounds --------------------------------------------------------------------------------------------------------------------


def tone(seconds: float = 1.0, rate_hz: int = RATE_HZ, f0_hz: float = 150.0) -> Samples:
    """Five harmonics between two silences of 0.1 s, float64 of shape (n,), peak below 0.5."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    waves = sum(0.2 / k * np.sin(2 * np.pi * k * f0_hz * time_s) for k in range(1, 6))
    return np.where((time_s >= 0.1) & (time_s < seconds - 0.1), waves, 0.0)


TONE = tone()
PHONES = [Interval("", 0.0, 0.1), Interval("a", 0.1, 0.9), Interval("", 0.9, 1.0)]
SENTENCE = "The old sailor told a story."
NOISE = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
_SPOKEN: dict[str, Samples] = {}


def speech(text: str = SENTENCE) -> Samples:
    """espeak-ng's voice at 22050 Hz."""
    if text not in _SPOKEN:
        _SPOKEN[text] = speak(text, VoiceSettings("en-us+m3", rate_wpm=160, pitch=50, pitch_range=50, volume=60)).samples / 32768
    return _SPOKEN[text]


# --- recordings ----------------------------------------------------------------------------------------------------------------


@case("grids")
def good_recording(place: Place) -> None:
    """As it is."""


@case("grids")
def second_good_recording(place: Place) -> None:
    place.record(tone(f0_hz=170.0))


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def cut_wav(place: Place) -> None:
    place.path().write_bytes(place.path().read_bytes()[:9000])


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def cut_flac(place: Place) -> None:
    place.record(NOISE, suffix=".flac")
    place.path(".flac").write_bytes(place.path(".flac").read_bytes()[:9000])


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def empty_file(place: Place) -> None:
    place.path().write_bytes(b"")


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def random_bytes(place: Place) -> None:
    place.path().write_bytes(np.random.default_rng(1).bytes(20_000))


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def text_named_wav(place: Place) -> None:
    place.path().write_text("I am no sound. " * 99, encoding="utf-8")


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def damaged_ogg_page(place: Place) -> None:
    place.record(np.tile(NOISE, 3), suffix=".ogg")
    data = bytearray(place.path(".ogg").read_bytes())
    data[len(data) // 2] ^= 0x55
    place.path(".ogg").write_bytes(data)


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def damaged_flac_frame(place: Place) -> None:
    place.record(NOISE, suffix=".flac")
    data = bytearray(place.path(".flac").read_bytes())
    data[len(data) // 2] ^= 0x55
    place.path(".flac").write_bytes(data)


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def named_pipe(place: Place) -> None:
    place.path().unlink()
    os.mkfifo(place.path())


def _may_read_all() -> bool:
    """Whether we are root, or as good as."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        return os.access(file.name, os.R_OK)


@case("grids", *(() if _may_read_all() else ("ingest", Reason.AUDIO_UNREADABLE)))
def file_that_may_not_be_read(place: Place) -> None:
    place.path().chmod(0)


@case("grids", NONE_LOST)
def folder_named_wav(place: Place) -> None:
    place.path().unlink()
    place.path().mkdir()


@case("grids", "ingest", Reason.AUDIO_MISSING)
def dangling_link(place: Place) -> None:
    place.path().unlink()
    place.path().symlink_to("nowhere.wav")


@case("grids", "ingest", Reason.AUDIO_MISSING)
def link_to_itself(place: Place) -> None:
    place.path().unlink()
    place.path().symlink_to(place.path().name)


@case("grids", "ingest", Reason.PATH_OUTSIDE_ROOT, row_id="grids/?/s/link_out_of_the_root.wav")
def link_out_of_the_root(place: Place) -> None:
    outside = place.root.parent / "outside.wav"
    place.path().replace(outside)
    place.path().symlink_to(outside)


@case("grids", "ingest", Reason.PATH_OUTSIDE_ROOT, row_id="grids/s/transcript_link_out_of_the_root")
def transcript_link_out_of_the_root(place: Place) -> None:
    outside = place.root.parent / "outside.txt"
    place.path(".txt").replace(outside)
    place.path(".txt").symlink_to(outside)


@case("grids", "ingest", Reason.AUDIO_EMPTY)
def wav_without_samples(place: Place) -> None:
    place.record(np.zeros(0))


@case("grids", "ingest", Reason.AUDIO_NOT_FINITE)
def nan_sample(place: Place) -> None:
    place.record(np.where(np.arange(RATE_HZ) == 999, np.nan, TONE), subtype="FLOAT")


@case("grids", "ingest", Reason.AUDIO_NOT_FINITE)
def infinite_sample(place: Place) -> None:
    place.record(np.where(np.arange(RATE_HZ) == 999, np.inf, TONE), subtype="DOUBLE")


@case("grids", "ingest", Reason.AUDIO_OVER_SCALE)
def int16_numbers_as_floats(place: Place) -> None:
    place.record(TONE * 32768, subtype="FLOAT")


@case("grids")
def floats_a_little_over_full_scale(place: Place) -> None:
    place.record(TONE * 4, subtype="FLOAT")


@case("grids", "ingest", Reason.AUDIO_SILENT)
def digital_silence(place: Place) -> None:
    place.record(TONE * 0)


@case("grids", "ingest", Reason.AUDIO_SILENT)
def offset_alone(place: Place) -> None:
    place.record(TONE * 0 + 0.5)


@case("grids", "ingest", Reason.AUDIO_SILENT)
def channels_that_cancel(place: Place) -> None:
    place.record(np.stack([TONE, -TONE], axis=1))


@case("grids")
def speech_on_an_offset(place: Place) -> None:
    place.record(TONE + 0.2)


@case("grids")
def clipped(place: Place) -> None:
    place.record(np.clip(TONE * 10, -1, 1))


@case("grids", "ingest", Reason.AUDIO_TOO_SHORT)
def clip_of_100_ms(place: Place) -> None:
    place.record(tone(0.1))


@case("grids", "ingest", Reason.AUDIO_TOO_LONG)
def clip_of_10_minutes(place: Place) -> None:
    place.record(np.zeros(600 * RATE_HZ) + 0.1, suffix=".flac")


@case("grids", "ingest", Reason.AUDIO_TOO_LONG)
def flac_that_claims_2_31_frames(place: Place) -> None:
    place.record(TONE, suffix=".flac")
    data = bytearray(place.path(".flac").read_bytes())
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | 1 << 31  # rate, channels and bits stand before 36 bits of length
    data[18:26] = packed.to_bytes(8, "big")
    place.path(".flac").write_bytes(data)


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def wav_that_claims_1_gib(place: Place) -> None:
    _overwrite(place, b"data", 4, struct.pack("<I", 1 << 30))


@case("grids")
def wav_of_a_pipe_without_a_length(place: Place) -> None:
    _overwrite(place, b"data", 4, struct.pack("<I", 0xFFFFFFFF))


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def rate_of_0_hz(place: Place) -> None:
    _overwrite(place, b"fmt ", 12, struct.pack("<I", 0))


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def rate_of_1_ghz(place: Place) -> None:
    _overwrite(place, b"fmt ", 12, struct.pack("<I", 1_000_000_000))


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def wrong_rate_in_the_header(place: Place) -> None:
    _overwrite(place, b"fmt ", 12, struct.pack("<I", 22050))


def _overwrite(place: Place, chunk: bytes, offset: int, data: bytes) -> None:
    whole = bytearray(place.path().read_bytes())
    at = whole.find(chunk) + offset
    whole[at : at + len(data)] = data
    place.path().write_bytes(whole)


@case("grids")
def rate_of_8_khz(place: Place) -> None:
    place.record(tone(rate_hz=8000), 8000)


@case("grids")
def rate_of_384_khz(place: Place) -> None:
    place.record(tone(rate_hz=384_000), 384_000)


@case("grids")
def six_channels(place: Place) -> None:
    place.record(np.stack([TONE, TONE / 2, TONE, TONE * 0, TONE / 3, TONE], axis=1))


@case("grids")
def mp3_named_wav(place: Place) -> None:
    place.record(TONE, suffix=".mp3")
    place.path(".mp3").rename(place.path())


@case("grids")
def wav_named_flac(place: Place) -> None:
    place.path().rename(place.path(".flac"))


@case("grids")
def wav_with_list_chunks(place: Place) -> None:
    data = place.path().read_bytes()
    note = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"
    body = data[8:36] + note + data[36:] + note
    place.path().write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


@case("grids")
def wav_extensible(place: Place) -> None:
    place.record(TONE, format="WAVEX")


@case("grids")
def wav_of_24_bits(place: Place) -> None:
    place.record(TONE, subtype="PCM_24")


@case("grids")
def wav_of_float64(place: Place) -> None:
    place.record(TONE, subtype="DOUBLE")


@case("grids")
def w64(place: Place) -> None:
    place.record(TONE, suffix=".w64")


@case("grids")
def rf64(place: Place) -> None:
    place.record(TONE, suffix=".rf64")


@case("grids")
def aiff(place: Place) -> None:
    place.record(TONE, suffix=".aiff")


@case("grids")
def flac_with_a_wrong_md5(place: Place) -> None:
    place.record(TONE, suffix=".flac")
    data = bytearray(place.path(".flac").read_bytes())
    data[26:42] = bytes(range(16))  # frames have checksums of their own, and those are right
    place.path(".flac").write_bytes(data)


@case("grids")
def ogg(place: Place) -> None:
    place.record(TONE, suffix=".ogg")


@case("grids")
def opus(place: Place) -> None:
    place.record(TONE, suffix=".opus", format="OGG", subtype="OPUS")


@case("grids")
def mp3(place: Place) -> None:
    place.record(TONE, suffix=".mp3")


@case("grids", "ingest", Reason.AUDIO_UNREADABLE)
def mp3_of_varying_bit_rate_without_a_tag(place: Place) -> None:
    """It starts softly, so libsndfile takes all frames for short ones and would give a part of the sound as if it were all."""
    place.record(NOISE * np.repeat([0.01, 2.0], RATE_HZ // 2), 16000, ".mp3")
    _drop_first_mp3_frame(place)


def _drop_first_mp3_frame(place: Place) -> None:
    data = place.path(".mp3").read_bytes()
    place.path(".mp3").write_bytes(data[next(at for at in range(40, len(data)) if data[at : at + 2] == data[:2]) :])


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def mp3_of_constant_bit_rate_without_a_tag(place: Place) -> None:
    """Whole, but late and longer than the recording by delay and padding, which the TextGrid tells."""
    with sf.SoundFile(place.path(".mp3"), "w", RATE_HZ, 1, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5) as file:
        file.write(TONE)
    place.path().unlink()
    _drop_first_mp3_frame(place)


@case("grids", "extract", Reason.AUDIO_CHANGED, later=("extract", lambda place: place.record(TONE / 2)))
def file_changed_before_extract(place: Place) -> None:
    """Good at ingest and align."""


@case("grids", "extract", Reason.AUDIO_MISSING, later=("extract", lambda place: place.path().unlink()))
def file_removed_before_extract(place: Place) -> None:
    """Good at ingest and align."""


@case("spoken", "align", Reason.AUDIO_CHANGED, later=("align", lambda place: place.record(speech()[::-1], 22050)))
def file_of_equal_length_changed_before_align(place: Place) -> None:
    """Good at ingest."""


# --- names and paths -----------------------------------------------------------------------------------------------------------


@case("grids", name="n" * 246)
def longest_name(place: Place) -> None:
    """Of 255 bytes with ".TextGrid", the most that file systems take."""


@case("grids", "ingest", Reason.NAME_UNPARSED, row_id=f"grids/?/{'d' * 250}/{'f' * 250}.wav")
def names_that_make_too_long_an_id(place: Place) -> None:
    deep = place.root / ("d" * 250) / ("f" * 250 + ".wav")
    deep.parent.mkdir()
    place.path().replace(deep)


@case("grids", "ingest", Reason.NAME_UNPARSED, row_id="grids/?/s/\\udcff.wav")
def name_that_is_not_utf_8(place: Place) -> None:
    place.path().rename(place.root / "s" / b"\xff.wav".decode("utf-8", "surrogateescape"))


@case("grids", "ingest", Reason.DUPLICATE_ID, row_id="grids/?/s/second_good_recording.wav")
def two_files_with_one_id(place: Place) -> None:
    """The first in path order, ``s/deep/...``, is kept."""
    deep = place.root / "s" / "deep" / "second_good_recording.wav"
    deep.parent.mkdir()
    place.path().replace(deep)
    place.path(".txt").replace(deep.with_suffix(".txt"))
    place.path(".TextGrid").replace(deep.with_suffix(".TextGrid"))


# --- transcripts ---------------------------------------------------------------------------------------------------------------


@case("grids", "ingest", Reason.TEXT_MISSING)
def transcript_missing(place: Place) -> None:
    place.path(".txt").unlink()


@case("grids", "ingest", Reason.TEXT_EMPTY)
def transcript_empty(place: Place) -> None:
    place.say("")


@case("grids", "ingest", Reason.TEXT_EMPTY)
def transcript_of_emoji(place: Place) -> None:
    place.say("😀👍🏽 …")


@case("grids")
def transcript_with_emoji(place: Place) -> None:
    place.say("A tone 😀👍🏽.")


@case("grids")
def transcript_with_bom_and_crlf(place: Place) -> None:
    place.say(b"\xef\xbb\xbfA\r\ntone.\r\n")


@case("grids", "ingest", Reason.TEXT_UNREADABLE)
def transcript_in_latin_1(place: Place) -> None:
    place.say("Ein schöner Ton.".encode("latin-1"))


@case("grids", "ingest", Reason.TEXT_UNREADABLE)
def transcript_in_utf_16(place: Place) -> None:
    place.say("A tone.".encode("utf-16"))


@case("grids", "ingest", Reason.TEXT_UNREADABLE)
def transcript_in_utf_16_without_bom(place: Place) -> None:
    place.say("A tone.".encode("utf-16-le"))


@case("grids", "ingest", Reason.TEXT_UNREADABLE)
def transcript_that_is_a_pipe(place: Place) -> None:
    place.path(".txt").unlink()
    os.mkfifo(place.path(".txt"))


@case("grids", "ingest", Reason.TEXT_UNREADABLE)
def transcript_of_100_kb(place: Place) -> None:
    place.say("tone " * 20_000)


@case("grids")
def transcript_of_20_000_characters(place: Place) -> None:
    place.say("tone " * 4_000)


@case("grids")
def transcript_in_another_script(place: Place) -> None:
    place.say("Привет мир, 你好")


@case("spoken")
def good_speech(place: Place) -> None:
    """As it is."""


@case("spoken")
def speech_with_emoji_and_quotes(place: Place) -> None:
    place.say("“The old” sailor 😀 told 'a story'.\r\n")


@case("spoken")
def spoken_on_an_offset(place: Place) -> None:
    place.record(speech() + 0.1, 22050)


@case("spoken")
def spoken_through_mp3(place: Place) -> None:
    place.record(speech(), 22050, ".mp3")


@case("spoken")
def spoken_and_clipped(place: Place) -> None:
    place.record(np.clip(speech() * 20, -1, 1), 22050)


@case("spoken")
def spoken_at_8_khz(place: Place) -> None:
    place.record(soxr.resample(speech(), 22050, 8000), 8000)


@case("spoken")
def spoken_with_9_percent_too_high_a_rate_in_the_header(place: Place) -> None:
    place.record(speech(), 24000)


@case("spoken", "align", Reason.ALIGNMENT_FAILED, Reason.ALIGNMENT_LOW_SCORE)
def spoken_with_twice_its_rate_in_the_header(place: Place) -> None:
    place.record(speech(), 44100)


@case("spoken", "align", Reason.TEXT_SCRIPT)
def spoken_text_in_another_script(place: Place) -> None:
    place.say("你好 世界")


@case("spoken", "align", Reason.TEXT_SCRIPT)
def spoken_text_in_cyrillic(place: Place) -> None:
    place.say("Привет мир")


@case("spoken", "align", Reason.OUT_OF_VOCABULARY)
def spoken_word_of_20_000_letters(place: Place) -> None:
    place.say("a" * 20_000)


@case("spoken", "align", Reason.ALIGNMENT_FAILED)
def spoken_text_of_20_000_characters(place: Place) -> None:
    place.say("story " * 3_333)


@case("spoken", "align", Reason.ALIGNMENT_FAILED)
def spoken_number_of_20_000_digits(place: Place) -> None:
    place.say("9" * 20_000)


@case("spoken", "align", Reason.ALIGNMENT_LOW_SCORE)
def wrong_word(place: Place) -> None:
    place.say("Fish.")


@case("spoken", "align", Reason.ALIGNMENT_LOW_SCORE, Reason.ALIGNMENT_FAILED)
def wrong_sentence(place: Place) -> None:
    place.say("Nobody understood these particular regulations.")


@case("spoken", "align", Reason.ALIGNMENT_FAILED, Reason.ALIGNMENT_LOW_SCORE)
def noise_instead_of_speech(place: Place) -> None:
    place.record(NOISE)


# --- TextGrids -----------------------------------------------------------------------------------------------------------------


@case("grids", "align", Reason.ALIGNMENT_MISSING)
def textgrid_missing(place: Place) -> None:
    place.path(".TextGrid").unlink()


@case("grids", "align", Reason.ALIGNMENT_MISSING)
def textgrid_that_is_a_pipe(place: Place) -> None:
    place.path(".TextGrid").unlink()
    os.mkfifo(place.path(".TextGrid"))


@case("grids", "align", Reason.ALIGNMENT_MISSING)
def textgrid_that_is_a_link_out_of_the_root(place: Place) -> None:
    outside = place.root.parent / "outside.TextGrid"
    place.path(".TextGrid").replace(outside)
    place.path(".TextGrid").symlink_to(outside)


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def textgrid_cut(place: Place) -> None:
    place.path(".TextGrid").write_bytes(place.path(".TextGrid").read_bytes()[:-60])


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def textgrid_of_random_bytes(place: Place) -> None:
    place.path(".TextGrid").write_bytes(np.random.default_rng(2).bytes(3000))


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def textgrid_without_the_phone_tier(place: Place) -> None:
    write_textgrid(place.path(".TextGrid"), {"words": PHONES}, 1.0)


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def textgrid_that_declares_infinitely_many_intervals(place: Place) -> None:
    _edit_grid(place, "intervals: size = 3", "intervals: size = 1e999")


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def textgrid_with_a_phone_of_20_000_characters(place: Place) -> None:
    place.grid(Interval("a" * 20_000, 0.0, 1.0))


@case("grids", "align", Reason.ALIGNMENT_UNREADABLE)
def two_textgrids_that_could_be_meant(place: Place) -> None:
    for speaker in (b"\xff".decode("utf-8", "surrogateescape"), "x"):
        (place.root / speaker).mkdir()
        path = place.root / speaker / place.path(".TextGrid").name
        path.write_bytes(place.path(".TextGrid").read_bytes())
    place.path(".TextGrid").unlink()


@case("grids")
def textgrid_with_a_word_of_20_000_characters(place: Place) -> None:
    place.grid(*PHONES, words=[Interval("a" * 20_000, 0.1, 0.9)])


@case("grids")
def textgrid_with_quotes_in_labels(place: Place) -> None:
    place.grid(Interval('say "a"', 0.0, 0.5), Interval('"', 0.5, 1.0))


@case("grids")
def textgrid_in_utf_16(place: Place) -> None:
    place.path(".TextGrid").write_bytes(place.path(".TextGrid").read_text(encoding="utf-8").encode("utf-16"))


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def textgrid_shorter_than_the_audio(place: Place) -> None:
    place.grid(Interval("a", 0.0, 0.8), end_s=0.8)


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def textgrid_longer_than_the_audio(place: Place) -> None:
    place.grid(Interval("a", 0.0, 1.2), end_s=1.2)


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def textgrid_with_overlaps(place: Place) -> None:
    place.grid(Interval("a", 0.0, 0.6), Interval("b", 0.5, 1.0))


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def textgrid_unsorted(place: Place) -> None:
    place.grid(Interval("b", 0.5, 1.0), Interval("a", 0.0, 0.5))


@case("grids", "align", Reason.ALIGNMENT_MISMATCH)
def textgrid_with_an_infinite_time(place: Place) -> None:
    _edit_grid(place, "xmax = 0.900000000", "xmax = 1e999")


@case("grids", "align", Reason.ALIGNMENT_NO_SPEECH)
def textgrid_of_silence(place: Place) -> None:
    place.grid(Interval("", 0.0, 1.0))


@case("grids", "extract", Reason.ZERO_FRAME_PHONE)
def more_phones_than_frames(place: Place) -> None:
    place.grid(*(Interval("a", k / 200, (k + 1) / 200) for k in range(200)))


def _edit_grid(place: Place, old: str, new: str) -> None:
    text = place.path(".TextGrid").read_text(encoding="utf-8")
    assert old in text
    place.path(".TextGrid").write_text(text.replace(old, new, 1), encoding="utf-8")


# --- tables: a CSV with byte order mark and CRLF --------------------------------------------------------------------------------


@case("listed")
def good_row(place: Place) -> None:
    """As it is."""


@case("listed")
def row_twice(place: Place) -> None:
    place.lines *= 2


@case("listed", "ingest", Reason.TEXT_MISSING)
def rows_that_differ(place: Place) -> None:
    place.lines.append(place.lines[0].replace(b"A tone", b"Another"))


@case("listed", "ingest", Reason.TEXT_MISSING, row_id="listed/s/row_missing")
def row_missing(place: Place) -> None:
    place.lines.clear()


@case("listed", "ingest", Reason.TEXT_EMPTY, row_id="listed/who/row_with_an_empty_text")
def row_with_an_empty_text(place: Place) -> None:
    place.line("s/row_with_an_empty_text.wav,,who")


@case("listed", "ingest", Reason.AUDIO_MISSING)
def row_without_audio(place: Place) -> None:
    place.path().unlink()


@case("listed", "ingest", Reason.AUDIO_MISSING)
def row_that_names_a_folder(place: Place) -> None:
    place.path().unlink()
    place.path().mkdir()


@case("listed", "ingest", Reason.PATH_OUTSIDE_ROOT, row_id="listed/?/../outside.wav")
def row_with_dots_in_its_path(place: Place) -> None:
    place.path().replace(place.root.parent / "outside.wav")
    place.line("../outside.wav,A tone.,who")


@case("listed", "ingest", Reason.PATH_OUTSIDE_ROOT, row_id="listed/?//etc/passwd")
def row_with_an_absolute_path(place: Place) -> None:
    place.path().unlink()
    place.line("/etc/passwd,A tone.,who")


@case("listed", "ingest", Reason.TEXT_UNREADABLE)
def row_in_latin_1(place: Place) -> None:
    place.line("s/row_in_latin_1.wav,Ein schöner Ton.,who".encode("latin-1"))


@case("listed", "ingest", Reason.TEXT_UNREADABLE, row_id="listed/?/s/row_with_a_speaker_in_latin_1.wav")
def row_with_a_speaker_in_latin_1(place: Place) -> None:
    place.line("s/row_with_a_speaker_in_latin_1.wav,A tone.,Jürgen".encode("latin-1"))


@case("listed", "ingest", Reason.NAME_UNPARSED, row_id=f"listed/?/s/{'n' * 20_000}.wav")
def row_with_a_name_of_20_000_characters(place: Place) -> None:
    place.path().unlink()
    place.line(f"s/{'n' * 20_000}.wav,A tone.,who")


@case("listed", "ingest", Reason.NAME_UNPARSED, row_id="listed/?/s/row_with_a_speaker_of_20_000_characters.wav")
def row_with_a_speaker_of_20_000_characters(place: Place) -> None:
    place.line(f"s/row_with_a_speaker_of_20_000_characters.wav,A tone.,{'w' * 20_000}")


@case("listed", "ingest", Reason.NAME_UNPARSED, row_id="listed/?/s/row_with_a_path_as_speaker.wav")
def row_with_a_path_as_speaker(place: Place) -> None:
    place.line("s/row_with_a_path_as_speaker.wav,A tone.,../who")


@case("listed", row_id="listed/Ünal 😀/row_with_an_emoji_in_the_speaker")
def row_with_an_emoji_in_the_speaker(place: Place) -> None:
    place.line("s/row_with_an_emoji_in_the_speaker.wav,A tone.,Ünal 😀")


@case("listed")
def row_with_quotes_commas_and_more_fields(place: Place) -> None:
    place.line('s/row_with_quotes_commas_and_more_fields.wav,"A ""tone"", said.",who,more,fields')


@case("listed")
def row_of_20_000_characters(place: Place) -> None:
    place.line(f"s/row_of_20_000_characters.wav,{'tone ' * 4000},who")


@case("listed", "ingest", Reason.NAME_UNPARSED, row_id="listed/?/s/zzz_row_with_an_open_quote.wav")
def zzz_row_with_an_open_quote(place: Place) -> None:
    """The last row: the quote takes in all that follows, more than Python's csv takes by itself, and the speaker with it."""
    place.line('s/zzz_row_with_an_open_quote.wav,"' + "A tone.\r\n" * 20_000)


# --- lines: an LJSpeech metadata.csv with byte order mark and CRLF --------------------------------------------------------------


@case("lines")
def good_line(place: Place) -> None:
    """The first line, after the byte order mark."""


@case("lines")
def line_twice(place: Place) -> None:
    place.lines *= 2


@case("lines", "ingest", Reason.TEXT_MISSING)
def lines_that_differ(place: Place) -> None:
    place.lines.append(b"lines_that_differ|Another.")


@case("lines", "ingest", Reason.TEXT_MISSING)
def line_missing(place: Place) -> None:
    place.line("")


@case("lines", "ingest", Reason.TEXT_UNREADABLE)
def line_in_latin_1(place: Place) -> None:
    place.line("line_in_latin_1|Ein schöner Ton.".encode("latin-1"))


@case("lines", "ingest", Reason.TEXT_UNREADABLE)
def line_of_100_kb(place: Place) -> None:
    place.line("line_of_100_kb|" + "tone " * 20_000)


@case("lines", "ingest", Reason.PATH_OUTSIDE_ROOT, row_id="lines/?/wavs/../../outside")
def line_with_dots_in_its_path(place: Place) -> None:
    place.path().replace(place.root.parent / "outside.wav")
    place.line("../../outside|A tone.")


@case("lines", "ingest", Reason.NAME_UNPARSED, row_id=f"lines/?/wavs/{'n' * 20_000}")
def line_with_a_name_of_20_000_characters(place: Place) -> None:
    place.path().unlink()
    place.line(f"{'n' * 20_000}|A tone.")
