"""The call of Montreal Forced Aligner with a stand-in program, and the reading of what the real one wrote."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.mfa import align_mfa, find_program, read_output
from pipeline.aligners.textgrid import read_textgrid
from schemas.errors import DependencyError, ParamsError, RowError
from schemas.params import MfaParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, SPOKEN_NOISE

STAND_IN = Path(__file__).with_name("stand_in_mfa.py")


class Bench:
    """A corpus folder, a dictionary, an acoustic model and the stand-in program, with what it was last called with."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "corpus"
        self.root.mkdir()
        self.dictionary = folder / "own.dict"
        self.dictionary.write_text("one\tW AH N\ntwo\tT UW\n")
        (folder / "model.zip").write_bytes(b"model")
        program = folder / "bin" / "mfa"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
        program.chmod(0o755)
        self.params = MfaParams(
            command=str(program),
            mode="align",
            acoustic_model=str(folder / "model.zip"),
            dictionary=str(self.dictionary),
            single_speaker=False,
        )
        self.report_file = folder / "report.json"

    def speak(self, name: str, text: str, speaker: str = "c/anna", level: float = 0.3) -> Spoken:
        """An utterance whose audio, a tone, is written to the corpus."""
        sf.write(self.root / name, level * np.sin(np.arange(16001) / 9), 16000, subtype="PCM_16")
        return Spoken(f"{speaker}/{Path(name).stem}", speaker, name, text, "en-us", 16001 / 16000)

    @property
    def report(self) -> dict[str, object]:
        """What the stand-in saw at its last call."""
        return dict(json.loads(self.report_file.read_text()))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setenv("STAND_IN_REPORT", str(made.report_file))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return made


def rejected(outcome: Alignment | RowError) -> RowError:
    assert isinstance(outcome, RowError)
    return outcome


def test_every_utterance_comes_back_aligned_or_rejected_by_name(bench: Bench) -> None:
    bad = bench.speak("bad.wav", "one")
    (bench.root / "bad.wav").write_bytes(b"RIFF")  # would end the real run
    spoken = [
        bench.speak("ü name with blanks.wav", "One, two!", "c/anna"),
        bench.speak("b.flac", "two one", "c/bob"),
        bench.speak("silent.wav", "one", level=0.0),
        bench.speak("oov.wav", "one zyxgrmph two qwv"),
        bench.speak("empty.wav", "..."),
        bad,
    ]
    outcomes = align_mfa(spoken, bench.root, bench.params, n_jobs=2)
    assert outcomes.keys() == {one.utterance_id for one in spoken}
    good = outcomes["c/anna/ü name with blanks"]
    assert isinstance(good, Alignment)
    assert [p.label for p in good.phones] == ["W", "AH", "N", "T", "UW"]
    assert good.phones[-1].end_s == 16001 / 16000
    assert (good.text_read, good.aligner) == ("one two", "mfa 3.4.3")
    reasons = {key: rejected(value).reason for key, value in outcomes.items() if not isinstance(value, Alignment)}
    assert reasons == {
        "c/anna/silent": Reason.ALIGNMENT_MISSING,
        "c/anna/oov": Reason.OUT_OF_VOCABULARY,
        "c/anna/empty": Reason.TEXT_EMPTY,
        "c/anna/bad": Reason.AUDIO_UNREADABLE,
    }
    assert rejected(outcomes["c/anna/oov"]).detail.endswith("zyxgrmph, qwv")


def test_run_gets_fresh_root_hash_seed_flags_and_one_folder_a_speaker(bench: Bench, tmp_path: Path) -> None:
    align_mfa([bench.speak("a.wav", "one"), bench.speak("b.wav", "two", "c/bob")], bench.root, bench.params, n_jobs=2)
    report = bench.report
    assert report["files"] == ["s0000/u000000.lab", "s0000/u000000.wav", "s0001/u000001.lab", "s0001/u000001.wav"]
    assert report["hash_seed"] == "0"
    arguments = report["arguments"]
    assert isinstance(arguments, list)
    assert arguments[0] == "align"
    assert arguments[5:] == ["--clean", "--final_clean", "--quiet", "--num_jobs", "2"]
    first_root = report["root"]
    align_mfa([bench.speak("a.wav", "one")], bench.root, bench.params, n_jobs=2)
    assert bench.report["root"] != first_root
    assert not list(tmp_path.glob("espressivo-mfa-*"))  # nothing is left where all went well


def test_train_rewrites_a_copy_of_the_dictionary_and_uses_one_process(bench: Bench) -> None:
    before = bench.dictionary.read_text()
    params = bench.params.model_copy(update={"mode": "train", "acoustic_model": "not there", "single_speaker": True})
    outcomes = align_mfa([bench.speak("a.wav", "one")], bench.root, params, n_jobs=8)
    assert isinstance(outcomes["c/anna/a"], Alignment)
    assert bench.dictionary.read_text() == before
    arguments = bench.report["arguments"]
    assert isinstance(arguments, list)
    assert arguments[0] == "train"
    assert arguments[-4:] == ["--single_speaker", "--num_jobs", "1", "--no_use_mp"]


def test_failed_run_shows_the_last_lines_and_keeps_the_log(bench: Bench, tmp_path: Path) -> None:
    bench.dictionary.write_text("crash\tK\n")
    with pytest.raises(DependencyError, match=r"(?s)ended with code 1.*the model is broken.*Read .*mfa.log.* rerun"):
        align_mfa([bench.speak("a.wav", "one")], bench.root, bench.params, n_jobs=1)
    assert [path.name for path in tmp_path.glob("espressivo-mfa-*/mfa.log")] == ["mfa.log"]


def test_model_names_are_looked_up_in_the_users_own_mfa_folder(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFA_ROOT_DIR", str(tmp_path / "own_mfa"))
    params = bench.params.model_copy(update={"dictionary": "english_us_arpa"})
    spoken = [bench.speak("a.wav", "one")]
    with pytest.raises(ParamsError, match="run `mfa model download dictionary english_us_arpa`"):
        align_mfa(spoken, bench.root, params, n_jobs=1)
    stored = tmp_path / "own_mfa" / "pretrained_models" / "dictionary" / "english_us_arpa.dict"
    stored.parent.mkdir(parents=True)
    stored.write_text("one\tW AH N\n")
    assert isinstance(align_mfa(spoken, bench.root, params, n_jobs=1)["c/anna/a"], Alignment)


def test_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(DependencyError, match=r"conda env create -f environment-mfa\.yml"):
        find_program("no-such-mfa")


def samples(shared_data: Path) -> Path:
    folder = shared_data / "mfa" / "samples"
    if not folder.is_dir():
        pytest.skip("MFA's real outputs are not beside this checkout (../shared/data/mfa)")
    return folder


def real(path: Path) -> Alignment:
    end_s = max(interval.end_s for tier in read_textgrid(path).values() for interval in tier)
    return read_output(path, Spoken("c/s/x", "c/s", "x.wav", "", "en-us", end_s), "", "mfa")


def test_real_outputs_of_every_textgrid_format_give_the_same_phones_and_words(shared_data: Path) -> None:
    folder = samples(shared_data)
    names = sorted(path.name for path in (folder / "long_textgrid").glob("*.TextGrid"))
    assert names
    for name in names:
        formats = [real(folder / kind / name) for kind in ("long_textgrid", "short_textgrid_with_original_text", "no_cleanup")]
        assert formats[0].phones[0].label == SILENCE
        assert formats[0].words[0].label != SILENCE
        assert len({tuple(word.label for word in alignment.words) for alignment in formats}) == 1  # `<eps>` is no word
        assert len({tuple(phone.label for phone in alignment.phones) for alignment in formats}) == 1


@pytest.mark.parametrize(("name", "words"), [("oov", "zyxgrmph"), ("hyph", "storm's, 3, <unk>, [bracketed], doctor's")])
def test_real_output_with_unknown_words_is_rejected_and_names_them(shared_data: Path, name: str, words: str) -> None:
    path = samples(shared_data) / "bad_inputs" / f"{name}.TextGrid"
    assert any(p.label == SPOKEN_NOISE for p in read_textgrid(path)["phones"])
    with pytest.raises(RowError, match="not in MFA's dictionary") as error:
        real(path)
    assert error.value.reason == Reason.OUT_OF_VOCABULARY
    assert error.value.detail.endswith(words)
