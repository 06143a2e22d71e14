"""Mutation fuzzing of recordings, TextGrids and transcript tables: a process of its own, so that a crash of native code is a finding.

``python -m tests.fuzz FIRST LAST KIND...`` runs the cases of kinds with the seeds FIRST .. LAST - 1; a case is a function of its kind and
seed alone. Faults found go to stdout, one a line, and each names its kind and seed. The seed at work stands in the file that
``FUZZ_SEED_FILE`` names, for a process that dies.
"""

import io
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile as sf

from pipeline.aligners.alignment import Spoken
from pipeline.aligners.textgrid import read_textgrid, write_textgrid
from pipeline.aligners.textgrid_aligner import align_textgrid
from pipeline.audio import load, probe
from pipeline.corpora import ADAPTERS
from pipeline.corpora.listing import list_corpus
from pipeline.text.normalise import words
from schemas.errors import CorpusError, RowError
from schemas.params import AdapterName, CorpusParams, CsvTable, TextGridParams
from schemas.tables.alignments import Interval
from tests.faults import PHONES, tone

CASE_LIMIT_S = 20.0  # a hundred times what the slowest case takes on a busy machine
_EXTREMES = [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x01\x00\x00\x00", b"\x00\x00\x00\x01"]
_WORDS = [
    b'"',
    b'""',
    b"\n",
    b"\r",
    b"\t",
    b"|",
    b",",
    b"../",
    b"/",
    b"\x00",
    b"1e999",
    b"-1",
    b"9" * 40,
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"<exists>",
]
_AUDIO: dict[str, dict[str, str]] = {
    "wav": {"format": "WAV", "subtype": "PCM_16"},
    "wav_float": {"format": "WAV", "subtype": "FLOAT"},
    "wav_adpcm": {"format": "WAV", "subtype": "IMA_ADPCM"},
    "w64": {"format": "W64", "subtype": "PCM_24"},
    "aiff": {"format": "AIFF", "subtype": "PCM_16"},
    "flac": {"format": "FLAC", "subtype": "PCM_16"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
}
_TABLE = CsvTable(file="list.csv", delimiter=",", audio="wav", text="text", speaker="who", emotion="how")
_LISTS: dict[str, tuple[AdapterName, str, bytes, CsvTable | None]] = {
    "csv": ("folder", "list.csv", b'wav,text,who,how\r\na.wav,"Hello, you.",ann,joy\r\ns/b.wav,Hi.,"b ob",\r\n', _TABLE),
    "tsv": (
        "folder",
        "list.csv",
        b"wav\ttext\twho\thow\na.wav\tHello, you.\tann\tjoy\ns/b\tHi.\tbob\t\n",
        _TABLE.model_copy(update={"delimiter": "\t"}),
    ),
    "filelist": ("ljspeech", "metadata.csv", "a|Hello, 1½ you.\nb|Hi.|Häi there.\r\n\nc|Three.\n".encode(), None),
    "esd": ("esd", "0011/0011.txt", b"\xff\xfe" + "0011_000001\tHello.\tAngry\n0011_000002 Hi. Sad\r\n".encode("utf-16-le"), None),
    "transcript": ("folder", "s/b.txt", "Hello 1,250.50 $9 “you”, naïve 👍.\r\n".encode(), None),
}
SOUNDS, TEXTS = tuple(_AUDIO), ("textgrid", "textgrid_short", *_LISTS)


def mutated(data: bytes, seed: int) -> bytes:
    """One to five changes, mostly one, of bits, bytes, numbers, or pieces that go, come twice or come new; mostly near the head."""
    rng = np.random.default_rng(seed)
    near_head = min(len(data), 200) if rng.random() < 0.6 else len(data)
    changed = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 5]))):
        at, n = int(rng.integers(0, max(near_head, 1))), int(rng.integers(1, 24))
        match int(rng.integers(0, 9)):
            case 0 if at < len(changed):
                changed[at] ^= 1 << int(rng.integers(0, 8))
            case 1 if at < len(changed):
                changed[at] = int(rng.integers(0, 256))
            case 2 | 3:
                extreme = _EXTREMES[int(rng.integers(0, len(_EXTREMES)))]
                changed[at : at + 4] = extreme
            case 4:
                del changed[at : at + n]
            case 5:
                changed[at:at] = changed[at : at + 8 * n]
            case 6:
                changed[at:at] = rng.bytes(n)
            case 7:
                changed[at:at] = _WORDS[int(rng.integers(0, len(_WORDS)))] * int(rng.choice([1, 1, 1, 300]))
            case 8:
                del changed[int(rng.integers(0, len(changed) + 1)) :]
    return bytes(changed)


def audio_bytes(kind: str) -> bytes:
    """The recording that is mutated."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.02, 6400)
    sf.write(file, tone(0.4) + noise, 16000, **_AUDIO[kind])
    return file.getvalue()


def textgrid_bytes(folder: Path, short: bool) -> bytes:
    """The TextGrid that is mutated, in the long or the short format."""
    path = folder / "whole.TextGrid"
    write_textgrid(path, {"words": [Interval('say "a" ʃ', 0.1, 0.9)], "phones": PHONES}, 1.0)
    text = path.read_text(encoding="utf-8")
    if short:
        lines = (line.rpartition("= ")[2].strip() for line in text.splitlines() if "=" in line or "<exists>" in line)
        text = "\n".join("<exists>" if "<exists>" in line else line for line in lines)
    return text.encode()


def with_page_checksums(data: bytes) -> bytes:
    """An Ogg file whose pages have the checksums of what is in them, so that the decoder sees what was changed."""
    whole, at = bytearray(data), data.find(b"OggS")
    while 0 <= at < len(whole) - 27:
        sizes = whole[at + 27 : at + 27 + whole[at + 26]]
        end = at + 27 + len(sizes) + sum(sizes)
        whole[at + 22 : at + 26] = bytes(4)
        crc = 0
        for byte in whole[at:end]:
            crc = crc << 8 & 0xFFFFFFFF ^ _CRC[crc >> 24 ^ byte]
        whole[at + 22 : at + 26] = crc.to_bytes(4, "little")
        at = whole.find(b"OggS", at + 4)
    return bytes(whole)


def _crc_of_byte(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


_CRC = [_crc_of_byte(byte) for byte in range(256)]


def cases(kind: str, folder: Path) -> Callable[[int], bool]:
    """The function that runs the case of a seed, says whether anything was kept, and raises nothing unless it finds a fault."""
    if kind in _AUDIO:
        return _audio_case(audio_bytes(kind), folder / f"x.{kind.partition('_')[0]}")
    if kind.startswith("textgrid"):
        return _textgrid_case(textgrid_bytes(folder, kind.endswith("short")), folder / "x.TextGrid")
    return _list_case(kind, folder / "corpus")


def _audio_case(data: bytes, path: Path) -> Callable[[int], bool]:
    def run(seed: int) -> bool:
        changed = mutated(data, seed)
        path.write_bytes(with_page_checksums(changed) if seed % 4 and data.startswith(b"OggS") else changed)
        lengths = []
        for read in (lambda: probe(path, 600.0).duration_s, lambda: len(load(path, 16000)) / 16000):
            try:
                lengths.append(read())
            except RowError:
                lengths.append(None)
        if None not in lengths:
            assert abs(lengths[0] - lengths[1]) < 1e-3, f"probe says {lengths[0]} s, load {lengths[1]} s"
        return lengths[0] is not None

    return run


def _textgrid_case(data: bytes, path: Path) -> Callable[[int], bool]:
    params = TextGridParams(phone_tier="phones", word_tier="words")
    spoken = Spoken("c/s/a", "c/s", "a.wav", "", "en-us", 1.0)

    def run(seed: int) -> bool:
        path.write_bytes(mutated(data, seed))
        try:
            read_textgrid(path)
            phones = align_textgrid(path, spoken, params).phones
        except RowError:
            return False
        edges_s = [edge for phone in phones for edge in (phone.start_s, phone.end_s)]
        assert (edges_s[0], edges_s[-1]) == (0.0, 1.0)
        assert edges_s == sorted(edges_s)
        return True

    return run


def _list_case(kind: str, root: Path) -> Callable[[int], bool]:
    adapter, name, data, table = _LISTS[kind]
    for audio in ("a.wav", "s/b.wav", "wavs/a.wav", "wavs/b.wav", "0011/Angry/0011_000001.wav", "0011/Sad/0011_000002.wav"):
        (root / audio).parent.mkdir(parents=True, exist_ok=True)
        (root / audio).touch()
    params = CorpusParams.model_construct(adapter=adapter, root="", language="en-us", aligner="textgrid", textgrid_dir=".", table=table)

    def run(seed: int) -> bool:
        (root / name).write_bytes(mutated(data, seed))
        try:
            listing = list_corpus("c", params, root, ADAPTERS[adapter])
        except CorpusError:
            assert kind in ("csv", "tsv")  # the line with the columns' names is broken: nothing can be read
            return False
        assert len(listing) >= listing.n_audio_files == 6
        assert not listing.candidates.keys() & listing.faults.keys()
        for one in listing.candidates.values():
            words(one.text, "en-us")
        return bool(listing.candidates)

    return run


def faults(kind: str, seeds: range) -> Iterator[str]:
    """What goes wrong in these cases, a line each."""
    seed_file = Path(os.environ.get("FUZZ_SEED_FILE", os.devnull))
    with tempfile.TemporaryDirectory() as folder:
        run = cases(kind, Path(folder))
        for seed in seeds:
            seed_file.write_text(f"{kind} {seed}", encoding="utf-8")
            signal.setitimer(signal.ITIMER_REAL, CASE_LIMIT_S)
            try:
                run(seed)
            except Exception as error:  # all but RowError is what is looked for
                yield f"{kind} seed {seed}: {type(error).__name__}: {error}"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"more than {CASE_LIMIT_S:g} s")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_slow)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first, last, *kinds = sys.argv[1:]
    for fault in (fault for kind in kinds for fault in faults(kind, range(int(first), int(last)))):
        print(fault)
    grown_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
    if grown_mib > 200:
        print(f"{', '.join(kinds)}: memory grew by {grown_mib:.0f} MiB")
