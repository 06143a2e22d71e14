"""The demo corpus: layout, true times, emotions, and the same bytes each time."""

import hashlib
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import soundfile
from praatio import textgrid

from pipeline.text.espeak import speak
from pipeline.text.g2p import from_ipa
from schemas.errors import CorpusError
from schemas.tables.alignments import SILENCE
from workflows.demo_corpus import EMOTIONS, SENTENCES_PER_EMOTION, SPEAKERS, make, plan, trimmed


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "corpus"
    make(out, seed=3, sentences_per_emotion=2)
    return out


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def recordings(corpus: Path, speaker: str = "*", emotion: str = "*") -> list[tuple[Path, np.ndarray]]:
    found = [(path, soundfile.read(path)[0]) for path in sorted(corpus.glob(f"{speaker}/{emotion}/*.wav"))]
    assert found
    return found


def median_f0_hz(corpus: Path, speaker: str, emotion: str) -> float:
    tracks = [
        parselmouth.Sound(audio, 22050).to_pitch_ac(pitch_floor=60, pitch_ceiling=600).selected_array["frequency"]
        for _, audio in recordings(corpus, speaker, emotion)
    ]
    f0_hz = np.concatenate(tracks)
    return float(np.median(f0_hz[f0_hz > 0]))


def test_layout_is_that_of_esd(corpus: Path) -> None:
    for speaker in SPEAKERS:
        lines = (corpus / speaker / f"{speaker}.txt").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 2 * len(EMOTIONS)
        for line in lines:
            utterance_id, text, emotion = line.split("\t")
            assert re.fullmatch(rf"{speaker}_\d{{6}}", utterance_id)
            assert text
            info = soundfile.info(corpus / speaker / emotion / f"{utterance_id}.wav")
            assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
            assert (corpus / "true_phones" / speaker / f"{utterance_id}.TextGrid").is_file()
    assert (corpus / "README.md").is_file()


def test_true_phones_tile_the_audio_and_silences_are_quiet(corpus: Path) -> None:
    for path, audio in recordings(corpus):
        grid = textgrid.openTextgrid(str(corpus / "true_phones" / path.parts[-3] / f"{path.stem}.TextGrid"), includeEmptyIntervals=True)
        assert grid.tierNames == ("words", "phones")
        phones = grid.getTier("phones").entries
        assert phones[0].start == 0
        assert phones[-1].end == pytest.approx(len(audio) / 22050, abs=1e-6)
        assert all(before.end == after.start for before, after in pairwise(phones))
        assert [phone.label for phone in (phones[0], phones[-1])] == ["", ""]
        assert all(phone.end - phone.start <= 0.15 for phone in (phones[0], phones[-1]))
        for phone in phones:
            inner = audio[round(phone.start * 22050) + 10 : round(phone.end * 22050) - 10]
            assert phone.label or np.abs(inner).max() < 0.005


def test_no_recording_is_clipped_or_without_level(corpus: Path) -> None:
    peaks = [float(np.abs(audio).max()) for _, audio in recordings(corpus)]
    assert max(peaks) < 0.97
    assert min(peaks) > 0.05


def test_every_phone_has_an_arpabet_reading(corpus: Path) -> None:
    labels = set(re.findall(r'text = "([^"]*)"', "".join(p.read_text(encoding="utf-8").split('name = "phones"')[1] for p in grids(corpus))))
    assert len(labels) > 20
    assert all(from_ipa([label], label) for label in labels - {""})


def grids(corpus: Path) -> list[Path]:
    return sorted(corpus.glob("true_phones/*/*.TextGrid"))


@pytest.mark.parametrize("speaker", sorted(SPEAKERS))
def test_emotions_are_ordered_in_pitch_rate_and_level(corpus: Path, speaker: str) -> None:
    f0_hz = {emotion: median_f0_hz(corpus, speaker, emotion) for emotion in EMOTIONS}
    seconds = {emotion: sum(len(audio) for _, audio in recordings(corpus, speaker, emotion)) / 22050 for emotion in EMOTIONS}
    level = {emotion: float(np.concatenate([a for _, a in recordings(corpus, speaker, emotion)]).std()) for emotion in EMOTIONS}
    assert f0_hz["Sad"] < f0_hz["Neutral"] < f0_hz["Happy"] < f0_hz["Surprise"]
    assert seconds["Sad"] > seconds["Neutral"] > seconds["Angry"]  # the same two sentences
    assert level["Sad"] < level["Neutral"] < level["Angry"]


def test_speakers_are_far_apart_in_pitch(corpus: Path) -> None:
    assert median_f0_hz(corpus, "0015", "Neutral") > 1.5 * median_f0_hz(corpus, "0011", "Neutral")


def test_same_seed_gives_the_same_bytes_in_another_process_and_in_place(corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workflows.demo_corpus", "--out", str(tmp_path / "b"), "--seed", "3", "--sentences-per-emotion", "2"]
    for _ in range(2):  # the second run replaces the first
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "20 utterances" in output
    assert hashes(tmp_path / "b") == hashes(corpus)


def test_other_seed_chooses_other_sentences() -> None:
    assert {u.text for u in plan(1, 2)} != {u.text for u in plan(2, 2)}


def test_all_emotions_share_sentences_and_have_their_own() -> None:
    utterances = list(plan(0, SENTENCES_PER_EMOTION))
    groups = [{u.text for u in utterances if (u.speaker, u.emotion) == (s, e)} for s in SPEAKERS for e in EMOTIONS]
    assert all(len(group) == SENTENCES_PER_EMOTION for group in groups)  # no sentence twice
    assert len(set.intersection(*groups)) >= 6
    assert len(set.union(*groups)) == 60


def test_trimming_moves_times_with_the_sound() -> None:
    speech = speak("A cat sat.", next(plan(0, 1)).settings)
    short = trimmed(speech, 0.1)
    k_before, k_after = (next(p for p in s.phones if p.label == "k") for s in (speech, short))
    a, b = round(k_before.start_s * 22050), round(k_after.start_s * 22050)
    assert short.phones[0].label == short.phones[-1].label == SILENCE
    assert short.phones[0].end_s == pytest.approx(0.1, abs=1e-4)
    np.testing.assert_array_equal(short.samples[b : b + 2000], speech.samples[a : a + 2000])


def test_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match="holds no demo corpus"):
        make(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_more_sentences_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"sentences_per_emotion=61 must be 1 .. 60"):
        make(tmp_path / "x", sentences_per_emotion=61)
