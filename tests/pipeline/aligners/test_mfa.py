"""The call of Montreal Forced Aligner with a stand-in program, and the reading of what the real one wrote."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.aligners.alignment import Alignment, Spoken
from pipeline.aligners.mfa import align_mfa, espeak_dictionary, find_program, read_output, read_scores
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
            validate_first=False,
            single_speaker=False,
        )
        self.report_file = folder / "report.json"

    def speak(self, name: str, text: str, speaker: str = "c/anna", level: float = 0.3, rate_hz: int = 16000) -> Spoken:
        """An utterance whose audio, a tone, is written to the corpus."""
        sf.write(self.root / name, level * np.sin(np.arange(rate_hz + 1) / 9), rate_hz, subtype="PCM_16")
        return Spoken(f"{speaker}/{Path(name).stem}", speaker, name, text, "en-us", (rate_hz + 1) / rate_hz)

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
        bench.speak("script.wav", "один"),
        bad,
    ]
    outcomes = align_mfa(spoken, bench.root, bench.params, n_jobs=2)
    assert outcomes.keys() == {one.utterance_id for one in spoken}
    good = outcomes["c/anna/ü name with blanks"]
    assert isinstance(good, Alignment)
    assert [p.label for p in good.phones] == ["W", "AH", "N", "T", "UW"]
    assert good.phones[-1].end_s == 16001 / 16000
    assert (good.text_read, good.aligner, good.score) == ("one two", "mfa 3.4.3", -40.2)
    reasons = {key: rejected(value).reason for key, value in outcomes.items() if not isinstance(value, Alignment)}
    assert reasons == {
        "c/anna/silent": Reason.ALIGNMENT_MISSING,
        "c/anna/oov": Reason.OUT_OF_VOCABULARY,
        "c/anna/empty": Reason.TEXT_EMPTY,
        "c/anna/script": Reason.TEXT_SCRIPT,
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
    assert outcomes["c/anna/a"].score is None  # `mfa train` tells none
    assert bench.dictionary.read_text() == before
    arguments = bench.report["arguments"]
    assert isinstance(arguments, list)
    assert arguments[0] == "train"
    assert arguments[-4:] == ["--single_speaker", "--num_jobs", "1", "--no_use_mp"]


def test_failed_run_shows_the_last_lines_and_keeps_the_log(bench: Bench, tmp_path: Path) -> None:
    bench.dictionary.write_text("crash\tK\n")
    with pytest.raises(DependencyError, match=r"(?s)ended with code 1.*the model is broken.*Read .*align.log.* rerun"):
        align_mfa([bench.speak("a.wav", "one")], bench.root, bench.params, n_jobs=1)
    assert [path.name for path in tmp_path.glob("espressivo-mfa-*/align.log")] == ["align.log"]


def test_recordings_that_mfa_would_pass_over_are_handed_over_as_wav(bench: Bench) -> None:
    spoken = [bench.speak("telephone.wav", "one", rate_hz=8000), bench.speak("old.au", "two"), bench.speak("LOUD.WAV", "one two")]
    outcomes = align_mfa(spoken, bench.root, bench.params, n_jobs=1)
    assert [type(outcome).__name__ for outcome in outcomes.values()] == ["Alignment"] * 3
    assert outcomes["c/anna/telephone"].phones[-1].end_s == 8001 / 8000
    assert bench.report["files"] == [f"s0000/u00000{n}.{kind}" for n in range(3) for kind in ("lab", "wav")]


def test_own_dictionary_is_the_ipa_of_the_corpus_words_and_serves_training_alone(bench: Bench) -> None:
    spoken = [replace(bench.speak("a.wav", "Guten Tag, Tag!"), language="de")]
    params = bench.params.model_copy(update={"dictionary": "espeak"})
    with pytest.raises(ParamsError, match=r"`align\.mfa\.dictionary: espeak` is for `mode: train`"):
        align_mfa(spoken, bench.root, params, n_jobs=1)
    outcomes = align_mfa(spoken, bench.root, params.model_copy(update={"mode": "train"}), n_jobs=1)
    assert [phone.label for phone in outcomes["c/anna/a"].phones] == ["ɡ", "uː", "t", "ə", "n", "t", "ɑː", "k", "t", "ɑː", "k"]
    assert bench.report["dictionary"] == "guten\tɡ uː t ə n\ntag\tt ɑː k\n"


def test_own_dictionary_of_many_words_is_pronounced_in_pieces() -> None:
    known = [f"w{'a' * (number % 7 + 1)}{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}" for number in range(1500)]
    lines = espeak_dictionary([Spoken("a", "s", "a.wav", "", "en-us", 1.0)], {"a": " ".join(known)}).splitlines()
    assert {line.split("\t")[0] for line in lines} == set(known)
    assert lines == sorted(lines)


def test_validation_runs_first_and_its_words_are_printed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    params = bench.params.model_copy(update={"validate_first": True})
    align_mfa([bench.speak("a.wav", "one zyxgrmph")], bench.root, params, n_jobs=1)
    assert "1 OOV word types" in capsys.readouterr().err


def test_logs_stay_in_the_folder_that_the_environment_names(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPRESSIVO_MFA_DIR", str(tmp_path / "kept"))
    align_mfa([bench.speak("a.wav", "one")], bench.root, bench.params.model_copy(update={"mode": "train"}), n_jobs=1)
    (folder,) = (tmp_path / "kept").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["dictionary.dict", "model.zip", "train.log"]


def test_wrong_dictionary_leaves_no_folder_behind(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="neither a file nor"):
        align_mfa([bench.speak("a.wav", "one")], bench.root, bench.params.model_copy(update={"dictionary": "none"}), n_jobs=1)
    assert not list(tmp_path.glob("espressivo-mfa-*"))


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


def test_real_outputs_without_adaptation_and_of_stereo_files_are_read(shared_data: Path) -> None:
    paths = [
        *sorted((samples(shared_data) / "single_speaker").glob("*.TextGrid")),
        samples(shared_data) / "bad_inputs" / "stereo44k.TextGrid",
    ]
    assert len(paths) > 3
    for path in paths:
        assert len(real(path).phones) > len(real(path).words) > 4


@pytest.mark.parametrize(("name", "words"), [("oov", "zyxgrmph"), ("hyph", "storm's, 3, <unk>, [bracketed], doctor's")])
def test_real_output_with_unknown_words_is_rejected_and_names_them(shared_data: Path, name: str, words: str) -> None:
    path = samples(shared_data) / "bad_inputs" / f"{name}.TextGrid"
    assert any(p.label == SPOKEN_NOISE for p in read_textgrid(path)["phones"])
    with pytest.raises(RowError, match="not in MFA's dictionary") as error:
        real(path)
    assert error.value.reason == Reason.OUT_OF_VOCABULARY
    assert error.value.detail.endswith(words)


def test_real_analysis_gives_a_likelihood_for_each_file(shared_data: Path) -> None:
    scores = read_scores(samples(shared_data) / "alignment_analysis.csv")
    assert len(scores) > 100
    assert scores["spk_m_000"] == -47.4371862411499
    assert all(-100 < score < 0 for score in scores.values())


def test_real_textgrids_of_both_corpora_are_read_whole(shared_data: Path) -> None:
    """Real speech: silence is ``""``, inner edges stand on multiples of 10 ms; the only rejects are words that were unknown."""
    paths = sorted((samples(shared_data).parent).glob("*_dev/**/*.TextGrid"))
    assert paths
    unknown = [path for path in paths[::7] if any(phone.label == SPOKEN_NOISE for phone in read_textgrid(path)["phones"])]
    for path in sorted(set(paths[::7]) - set(unknown)):
        alignment = real(path)
        inner_s = [phone.end_s for phone in alignment.phones[:-1]]
        assert inner_s == [pytest.approx(round(end_s, 2), abs=1e-9) for end_s in inner_s]
        assert alignment.words
    assert len(unknown) < 0.05 * len(paths[::7])
    for path in unknown:
        with pytest.raises(RowError, match="not in MFA's dictionary"):
            real(path)


def test_own_dictionary_agrees_with_the_one_that_mfa_was_really_trained_with(shared_data: Path) -> None:
    """What `mfa train` leaves in the file: probabilities between word and phones, and marks of its own before the words."""
    lines = (samples(shared_data).parent / "emodb_trained.dict").read_text(encoding="utf-8").splitlines()
    fields = [line.split("\t") for line in lines]
    assert {len(each) for each in fields} == {6}
    ours = dict(line.split("\t") for line in espeak_dictionary([Spoken("a", "s", "a", "", "de", 1.0)], {"a": "abend lappen"}).splitlines())
    theirs = {each[0]: each[-1] for each in fields}
    assert ours == {word: theirs[word] for word in ours}  # it was made by espeak-ng too
