"""Adapters on folders as they really come: mixed encodings, stray files, links, names that fit no code."""

import codecs
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import ADAPTERS, Candidate
from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.listing import Listing, list_corpus
from pipeline.corpora.transcripts import spoken
from schemas.errors import CorpusError, ParamsError, RowError
from schemas.params import AdapterName, CorpusParams, CsvTable
from schemas.reasons import Reason
from schemas.tables.utterances import EMOTIONS, GENDERS, MAX_ID_CHARS


def put(root: Path, *paths: str, data: bytes = b"audio") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def listed(root: Path, adapter: AdapterName, table: CsvTable | None = None) -> Listing:
    params = CorpusParams(adapter=adapter, root="", language="en-us", aligner="textgrid", textgrid_dir=".", table=table)
    return list_corpus("c", params, root, ADAPTERS[adapter])


def reasons(listing: Listing) -> dict[str, Reason]:
    return {path_or_id: error.reason for path_or_id, error in listing.faults.items()}


def only(listing: Listing) -> Candidate:
    (candidate,) = listing.candidates.values()
    return candidate


def table(**changes: str | None) -> CsvTable:
    columns: dict[str, str | None] = {
        "file": "list.csv",
        "delimiter": ",",
        "audio": "wav",
        "text": "words",
        "speaker": "who",
        "emotion": "how",
    }
    return CsvTable.model_validate({**columns, **changes})


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_folder_that_is_not_there_is_a_corpus_error(tmp_path: Path, name: AdapterName) -> None:
    with pytest.raises(CorpusError, match=r"set `corpora.c.root`"):
        listed(tmp_path / "nowhere", name)


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_folder_without_audio_says_what_was_looked_for(tmp_path: Path, name: AdapterName) -> None:
    put(tmp_path, "notes.md")
    with pytest.raises(CorpusError, match=r"no audio file in .* looks for .*(wav|audio)"):
        listed(tmp_path, name)


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_audio_file_is_a_candidate_or_a_fault(tmp_path: Path, name: AdapterName) -> None:
    stray = ["a.wav", "x/y/z.FLAC", "wav/odd.wav", "wavs/odd.mp3", "0011/Angry/odd.wav", "0011/0011_000001.wav", ".hidden/b.ogg", "c.m4a"]
    put(tmp_path, *stray)
    put(tmp_path, "metadata.csv", data=b"")
    listing = listed(tmp_path, name)
    assert not listing.candidates
    assert len(listing.faults) == listing.n_audio_files == len(stray)
    assert set(reasons(listing).values()) <= {Reason.NAME_UNPARSED, Reason.TEXT_MISSING}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_links_out_of_the_root_are_faults_and_are_not_followed(tmp_path: Path, name: AdapterName) -> None:
    put(tmp_path, "outside/0011/Angry/0011_000001.wav", "root/metadata.csv", data=b"")
    root = tmp_path / "root"
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "file.wav").symlink_to(tmp_path / "outside/0011/Angry/0011_000001.wav")
    (root / "loop").symlink_to(root)
    listing = listed(root, name)
    assert reasons(listing) == {"c/?/file.wav": Reason.PATH_OUTSIDE_ROOT, "c/?/folder": Reason.PATH_OUTSIDE_ROOT}
    assert (len(listing.candidates), listing.n_audio_files) == (0, 1)


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_file_names_that_no_table_can_hold_are_faults(tmp_path: Path, name: AdapterName) -> None:
    put(tmp_path, "metadata.csv", data=b"")
    put(tmp_path, "a\nb.wav")
    (tmp_path / b"\xff.wav".decode("utf-8", "surrogateescape")).write_bytes(b"audio")
    assert reasons(listed(tmp_path, name)) == {"c/?/a\\u000ab.wav": Reason.NAME_UNPARSED, "c/?/\\udcff.wav": Reason.NAME_UNPARSED}


def test_table_for_an_adapter_that_reads_none_is_a_params_error(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    with pytest.raises(ParamsError, match="read by `adapter: folder` and `adapter: huggingface` alone, this is esd"):
        listed(tmp_path, "esd", table())


def test_esd_gives_emotion_from_the_folder_text_from_the_transcript_and_gender(tmp_path: Path) -> None:
    put(tmp_path, "0011/Angry/0011_000351.wav", "0015/Surprise/0015_001401.wav", "0021/Sad/0021_000001.wav")
    put(tmp_path, "0011/0011.txt", data=b"0011_000351\tThe nine the eggs, I keep.\tAngry\n")
    put(tmp_path, "0015/0015.txt", data=b"0015_001401\tTom?\tSurprise\n")
    put(tmp_path, "0021/0021.txt", data=b"0021_000001\tAnn.\tSad\n")
    found = listed(tmp_path, "esd").candidates
    assert found["c/0011/0011_000351"] == Candidate(
        "0011_000351", "0011/Angry/0011_000351.wav", "0011", "The nine the eggs, I keep.", "angry", "Angry", "male", split="validation"
    )
    assert (found["c/0015/0015_001401"].emotion, found["c/0015/0015_001401"].gender) == ("surprised", "female")
    assert found["c/0021/0021_000001"].gender == "unknown"


def test_esd_genders_are_ten_women_and_ten_men(tmp_path: Path) -> None:
    for number in range(1, 21):
        put(tmp_path, f"{number:04d}/Sad/{number:04d}_000001.wav")
        put(tmp_path, f"{number:04d}/{number:04d}.txt", data=f"{number:04d}_000001\tHi.\tSad\n".encode())
    found = listed(tmp_path, "esd").candidates.values()
    assert Counter(c.gender for c in found if c.speaker <= "0010") == {"female": 5, "male": 5}
    assert Counter(c.gender for c in found if c.speaker > "0010") == {"female": 5, "male": 5}


def test_esd_first_release_with_subsets_below_the_emotion(tmp_path: Path) -> None:
    put(tmp_path, "0011/Sad/train/0011_000001.wav", "0011/Sad/evaluation/0011_000002.wav", "0011/Sad/other/0011_000003.wav")
    put(tmp_path, "0011/0011.txt", data=b"0011_000001\tOne.\tSad\n0011_000002\tTwo.\tSad\n")
    listing = listed(tmp_path, "esd")
    assert [c.text for c in listing.candidates.values()] == ["Two.", "One."]  # in order of path: evaluation, train
    assert reasons(listing) == {"c/?/0011/Sad/other/0011_000003.wav": Reason.NAME_UNPARSED}


def test_esd_official_split_is_20_30_300_of_each_emotion_and_shares_no_sentence(tmp_path: Path) -> None:
    numbers = [(emotion, 350 * index + sentence) for index, emotion in enumerate(("Neutral", "Angry")) for sentence in range(1, 351)]
    put(tmp_path, *(f"0011/{emotion}/0011_{number:06d}.wav" for emotion, number in numbers))
    put(tmp_path, "0011/0011.txt", data="".join(f"0011_{n:06d}\tSentence {(n - 1) % 350}.\t{e}\n" for e, n in numbers).encode())
    found = listed(tmp_path, "esd").candidates.values()
    assert Counter((c.emotion, c.split) for c in found) == {
        (emotion, split): n for emotion in ("neutral", "angry") for split, n in (("validation", 20), ("test", 30), ("train", 300))
    }
    assert len({(c.text, c.split) for c in found}) == 350


SPOKEN = "I’ll say “café”."


@pytest.mark.parametrize(
    "data",
    [
        f"0016_000001\t{SPOKEN}\tSad\r\n".encode(),
        codecs.BOM_UTF8 + f"0016_000001\t{SPOKEN}\tSad\n".encode(),
        f"0016_000001\t{SPOKEN}\tSad\r\n\r\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + f"0016_000001\t{SPOKEN}\tSad".encode("utf-16-be"),
        f"0016_000001\t{SPOKEN}\tSad\n".encode("cp1252"),
        f"0016_000001\t{SPOKEN}\tSad\n".encode("cp1252") + "0016_000002\tÉté\tSad\n".encode(),
        f"  0016_000001 {SPOKEN}  Sad \n".encode(),
        f"0016_000001 {SPOKEN}\tSad\n".encode(),
        f"0016_000001\t{SPOKEN} Sad\n".encode(),
        f"0016_000001\t\t {SPOKEN} \t Sad\n".encode(),
    ],
    ids=["utf8", "bom", "utf16", "utf16-be", "cp1252", "mixed", "spaces", "space-tab", "tab-space", "stray"],
)
def test_esd_transcript_is_read_whatever_its_encoding_and_stray_spaces(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, "0016/Sad/0016_000001.wav")
    put(tmp_path, "0016/0016.txt", data=data)
    assert only(listed(tmp_path, "esd")).text == SPOKEN


def test_esd_mandarin_transcript_in_gb2312_is_read(tmp_path: Path) -> None:
    put(tmp_path, "0001/Neutral/0001_000001.wav")
    put(tmp_path, "0001/0001.txt", data="0001_000001\t打远一看，\t中立\n".encode("gb2312"))
    assert only(listed(tmp_path, "esd")).text == "打远一看，"


def test_esd_word_that_is_also_a_label_stays_in_the_text(tmp_path: Path) -> None:
    put(tmp_path, "0011/Sad/0011_000001.wav")
    put(tmp_path, "0011/0011.txt", data=b"0011_000001\tTom was Happy\tSad\n")
    assert only(listed(tmp_path, "esd")).text == "Tom was Happy"


def test_esd_faults_each_have_their_reason(tmp_path: Path) -> None:
    put(tmp_path, *(f"0011/Sad/0011_00000{n}.wav" for n in (1, 2, 3, 5)), "0011/Sad/train/0011_000001.wav", "0012/Sad/0012_000001.wav")
    put(tmp_path, "0011/Sad/0012_000009.wav", "0011/Envious/0011_000008.wav")
    lines = b"0011_000001\tOne.\tSad\n0011_000002\t...\tSad\n0011_000004\tFour.\tSad\n0011_000005\t\x81\tSad\n"
    put(tmp_path, "0011/0011.txt", data=lines + b"0011_000003\tThree.\tSad\n0011_000003\tTree.\tSad\n")
    listing = listed(tmp_path, "esd")
    assert list(listing.candidates) == ["c/0011/0011_000001"]
    assert reasons(listing) == {
        "c/?/0011/Sad/train/0011_000001.wav": Reason.DUPLICATE_ID,
        "c/0011/0011_000002": Reason.TEXT_EMPTY,
        "c/0011/0011_000003": Reason.TEXT_MISSING,  # named twice
        "c/0011/0011_000004": Reason.AUDIO_MISSING,
        "c/0011/0011_000005": Reason.TEXT_UNREADABLE,
        "c/0012/0012_000001": Reason.TEXT_MISSING,  # no transcript at all
        "c/?/0011/Sad/0012_000009.wav": Reason.NAME_UNPARSED,
        "c/?/0011/Envious/0011_000008.wav": Reason.NAME_UNPARSED,
    }


def test_esd_passes_over_folders_without_audio(tmp_path: Path) -> None:
    put(tmp_path, "0011/Sad/0011_000001.wav", "true_phones/0011/0011_000001.TextGrid", "ReadMe.txt")
    put(tmp_path, "0011/0011.txt", data=b"0011_000001\tOne.\tSad\n")
    assert len(listed(tmp_path, "esd")) == 1


def test_transcript_that_is_a_link_out_of_the_root_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", data=b"0011_000001\tSecret.\tSad\n")
    put(tmp_path, "root/0011/Sad/0011_000001.wav")
    (tmp_path / "root/0011/0011.txt").symlink_to(tmp_path / "secret.txt")
    assert reasons(listed(tmp_path / "root", "esd")) == {"c/0011/0011_000001": Reason.TEXT_MISSING}


def test_emodb_reads_speaker_sentence_and_emotion_from_the_name(tmp_path: Path) -> None:
    put(tmp_path, "wav/16b10Td.wav", "egg/16b10Td.wav", "textgrid/16b10Td.TextGrid")
    assert only(listed(tmp_path, "emodb")) == Candidate(
        "16b10Td", "wav/16b10Td.wav", "16", "Die wird auf dem Platz sein, wo wir sie immer hinlegen.", "sad", "Trauer", "female"
    )


def test_emodb_has_seven_emotions_and_ten_sentences(tmp_path: Path) -> None:
    sentences = ["a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"]
    put(tmp_path, *(f"wav/03{sentence}{letter}a.flac" for sentence in sentences for letter in "WLEAFTN"))
    found = listed(tmp_path, "emodb").candidates.values()
    assert len({c.text for c in found}) == 10
    assert {c.emotion for c in found} == {"angry", "bored", "disgusted", "fearful", "happy", "sad", "neutral"}


def test_emodb_names_outside_the_code_are_faults(tmp_path: Path) -> None:
    put(tmp_path, "wav/03a01Xa.wav", "wav/03a03Fa.wav", "03a01Fa.wav", "wav/sub/03a01Fa.wav")
    assert reasons(listed(tmp_path, "emodb")) == {
        "c/?/wav/03a01Xa.wav": Reason.NAME_UNPARSED,
        "c/03/03a03Fa": Reason.TEXT_MISSING,
        "c/?/03a01Fa.wav": Reason.NAME_UNPARSED,
        "c/?/wav/sub/03a01Fa.wav": Reason.NAME_UNPARSED,
    }


@pytest.mark.parametrize("line", ["LJ1|Hi, 2.\n", "LJ1|Hi 2|Hi, 2.\r\n", "\ufeffLJ1|Hi, 2.|", "LJ1.wav| Hi, 2. "])
def test_ljspeech_prefers_the_normalised_text(tmp_path: Path, line: str) -> None:
    put(tmp_path, "wavs/LJ1.wav")
    put(tmp_path, "metadata.csv", data=line.encode())
    assert only(listed(tmp_path, "ljspeech")) == Candidate("LJ1", "wavs/LJ1.wav", "c", "Hi, 2.")


def test_ljspeech_quotes_are_text(tmp_path: Path) -> None:
    put(tmp_path, "wavs/a.wav", "wavs/b.wav")
    put(tmp_path, "metadata.csv", data=b'a|"Open.\nb|Close."\n')
    assert [c.text for c in listed(tmp_path, "ljspeech").candidates.values()] == ['"Open.', 'Close."']


def test_ljspeech_faults_each_have_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "wavs/a.wav", "wavs/b.wav", "wavs/c.wav", "wavs/d.wav", "wavs/d.flac", "raw/e.wav")
    put(tmp_path, "metadata.csv", data=b"a|\nb|\xff\nd|Dee.\nf|Eff.\n../g|Gee.\n/etc/h|Aitch.\n")
    listing = listed(tmp_path, "ljspeech")
    assert [c.audio_path for c in listing.candidates.values()] == ["wavs/d.flac"]
    assert reasons(listing) == {
        "c/c/a": Reason.TEXT_EMPTY,
        "c/c/b": Reason.TEXT_UNREADABLE,
        "c/c/c": Reason.TEXT_MISSING,
        "c/?/wavs/d.wav": Reason.DUPLICATE_ID,
        "c/c/f": Reason.AUDIO_MISSING,
        "c/?/raw/e.wav": Reason.NAME_UNPARSED,
        "c/?/wavs/../g": Reason.PATH_OUTSIDE_ROOT,
        "c/?/wavs//etc/h": Reason.PATH_OUTSIDE_ROOT,
    }


def test_ljspeech_without_metadata_is_a_corpus_error(tmp_path: Path) -> None:
    put(tmp_path, "wavs/a.wav")
    with pytest.raises(CorpusError, match=r"metadata\.csv is not there"):
        listed(tmp_path, "ljspeech")


def test_folder_reads_the_transcript_beside_and_the_first_folder_as_speaker(tmp_path: Path) -> None:
    put(tmp_path, "ann/deep/er/a.wav", "b.ogg")
    put(tmp_path, "ann/deep/er/a.lab", data="\ufeffGrüß\r\nGott\r\n".encode())
    put(tmp_path, "b.txt", data=b"Bee.")
    found = listed(tmp_path, "folder").candidates
    assert found == {
        "c/ann/a": Candidate("a", "ann/deep/er/a.wav", "ann", "Grüß Gott"),
        "c/speaker/b": Candidate("b", "b.ogg", "speaker", "Bee."),
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.TEXT_EMPTY),
        (b" ?! \n", Reason.TEXT_EMPTY),
        ("Grüß".encode("latin-1"), Reason.TEXT_UNREADABLE),
        ("Hi".encode("utf-16-le"), Reason.TEXT_UNREADABLE),
        (b"a" * 70_000, Reason.TEXT_UNREADABLE),
    ],
)
def test_folder_transcripts_that_cannot_be_used_are_faults(tmp_path: Path, data: bytes, reason: Reason) -> None:
    put(tmp_path, "s/a.wav")
    put(tmp_path, "s/a.txt", data=data)
    assert reasons(listed(tmp_path, "folder")) == {"c/s/a": reason}


def test_folder_ids_that_are_unfit_for_file_names_are_faults(tmp_path: Path) -> None:
    put(tmp_path, "s/...wav", "?/a.wav", f"s/{'x' * 240}/{'y' * 240}.wav", f"{'s' * 240}/{'y' * 240}.wav")
    assert Counter(reasons(listed(tmp_path, "folder")).values()) == {Reason.NAME_UNPARSED: 3, Reason.TEXT_MISSING: 1}


def test_folder_table_names_speaker_emotion_and_text(tmp_path: Path) -> None:
    put(tmp_path, "x/a.wav", "x/b.wav")
    put(tmp_path, "list.csv", data='wav,who,words,how,more\nx/a.wav,Ann,"One, two",joy,1\nx/b,Bob,Three,Odd\n'.encode("utf-8-sig"))
    assert listed(tmp_path, "folder", table()).candidates == {
        "c/Ann/a": Candidate("a", "x/a.wav", "Ann", "One, two", "happy", "joy"),
        "c/Bob/b": Candidate("b", "x/b.wav", "Bob", "Three", "unknown", "Odd"),
    }


def test_folder_table_without_speaker_and_emotion_and_with_stray_quotes(tmp_path: Path) -> None:
    put(tmp_path, "x/a.wav", "x/b.wav")
    put(tmp_path, "list.csv", data=b'wav|words\nx/a|"One\nx/b|Two"\n')
    found = listed(tmp_path, "folder", table(delimiter="|", speaker=None, emotion=None)).candidates
    assert [(key, c.text, c.emotion, c.emotion_label) for key, c in found.items()] == [
        ("c/x/a", '"One', "unknown", ""), ("c/x/b", 'Two"', "unknown", ""),
    ]  # fmt: skip


def test_folder_table_faults_each_have_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "d.wav", "e.wav")
    put(
        tmp_path,
        "list.csv",
        data=b"wav,who,words,how\na.wav,s,One,\na.wav,s,Two,\nc.wav,s,Three,\n../x.wav,s,Four,\ny/../b.wav,s,Four,\nd.wav,,Five,\ne.wav,p/q,Six,\n",
    )
    assert reasons(listed(tmp_path, "folder", table())) == {
        "c/speaker/b": Reason.TEXT_MISSING,
        "c/s/a": Reason.TEXT_MISSING,
        "c/s/c": Reason.AUDIO_MISSING,
        "c/?/../x.wav": Reason.PATH_OUTSIDE_ROOT,
        "c/?/y/../b.wav": Reason.PATH_OUTSIDE_ROOT,
        "c/?/d.wav": Reason.NAME_UNPARSED,
        "c/?/e.wav": Reason.NAME_UNPARSED,
    }


def test_folder_table_without_a_named_column_says_which_there_are(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    put(tmp_path, "list.csv", data=b"wav,text\na.wav,Hi\n")
    with pytest.raises(CorpusError, match="lacks words, who, how; its columns are wav, text"):
        listed(tmp_path, "folder", table())


def test_folder_table_that_names_a_link_out_of_the_root_gives_one_fault(tmp_path: Path) -> None:
    put(tmp_path, "outside.wav", "root/b.wav")
    put(tmp_path, "root/list.csv", data=b"wav,who,words,how\na.wav,s,One,\nb.wav,s,Two,\n")
    (tmp_path / "root/a.wav").symlink_to(tmp_path / "outside.wav")
    assert reasons(listed(tmp_path / "root", "folder", table())) == {"c/?/a.wav": Reason.PATH_OUTSIDE_ROOT}


@pytest.mark.parametrize("file", ["nowhere.csv", "../secret.csv"])
def test_folder_table_that_cannot_be_read_is_a_corpus_error(tmp_path: Path, file: str) -> None:
    put(tmp_path, "secret.csv", data=b"wav,who,words,how\n")
    put(tmp_path, "root/a.wav")
    with pytest.raises(CorpusError, match=r"corpora.c.table.file"):
        listed(tmp_path / "root", "folder", table(file=file))


def test_labels_map_to_canonical_names() -> None:
    assert [canonical_emotion(label) for label in (" Joy", "ANGER", "surprise", "neutral", "", "hungry")] == [
        "happy", "angry", "surprised", "neutral", "unknown", "unknown",
    ]  # fmt: skip
    assert all(canonical_emotion(name) == name for name in EMOTIONS)


@given(st.text(max_size=60))
def test_spoken_text_is_one_clean_line_or_a_row_error(text: str) -> None:
    try:
        line = spoken(text)
    except RowError:
        return
    assert line == line.strip() == spoken(line)
    assert "\n" not in line
    assert any(character.isalnum() for character in line)


NAMES = st.text(st.sampled_from("aZ0_. é?#~-"), min_size=1, max_size=8).filter(lambda name: name.strip(".") != "")


@given(
    st.lists(st.tuples(NAMES, NAMES, st.sampled_from([".wav", ".flac", ".WAV", ".txt"])), min_size=1, max_size=12, unique=True),
    st.sampled_from(sorted(ADAPTERS)),
)
def test_any_tree_gives_each_audio_file_once_with_unique_safe_ids(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str, str]], adapter: AdapterName
) -> None:
    root = tmp_path_factory.mktemp("tree")
    put(root, "metadata.csv", data=b"")
    put(root, "first.wav", *(f"{folder}/{stem}{suffix}" for folder, stem, suffix in names), data=b"Said.")
    n_audio = sum(path.suffix.lower() in (".wav", ".flac") for path in root.rglob("*") if path.is_file())
    listing = listed(root, adapter)
    assert len(listing) == listing.n_audio_files == n_audio
    assert not listing.candidates.keys() & listing.faults.keys()
    for utterance_id, candidate in listing.candidates.items():
        assert utterance_id == f"c/{candidate.speaker}/{candidate.stem}"
        assert len(utterance_id) <= MAX_ID_CHARS
        assert candidate.emotion in EMOTIONS
        assert candidate.gender in GENDERS
        assert (root / candidate.audio_path).is_file()


def test_one_row_of_a_table_that_is_not_utf_8_leaves_the_others(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "c.wav")
    put(tmp_path, "list.csv", data="wav,words,who,how\na,schön,ann,\nb,Hi.,Jürgen,\nc,Hi.,ann,\n".encode("latin-1"))
    listing = listed(tmp_path, "folder", table())
    assert set(listing.candidates) == {"c/ann/c"}
    assert reasons(listing) == {"c/ann/a": Reason.TEXT_UNREADABLE, "c/?/b.wav": Reason.TEXT_UNREADABLE}


def test_open_quote_in_a_table_ends_no_run(tmp_path: Path) -> None:
    """All that follows is one field, of more characters than Python's csv takes by itself."""
    put(tmp_path, "a.wav", "b.wav")
    put(tmp_path, "list.csv", data=b'wav,words,who,how\na,Hi.,ann,\nb,Hi.,"ann,\n' + b"x" * 200_000)
    listing = listed(tmp_path, "folder", table())
    assert set(listing.candidates) == {"c/ann/a"}
    assert reasons(listing) == {"c/?/b.wav": Reason.NAME_UNPARSED}


@pytest.mark.parametrize("name", ["esd", "ljspeech"])
def test_line_without_end_is_unreadable_and_leaves_the_others(tmp_path: Path, name: AdapterName) -> None:
    put(tmp_path, "0011/Sad/0011_000001.wav", "0011/Sad/0011_000002.wav", "wavs/0011_000001.wav", "wavs/0011_000002.wav")
    put(tmp_path, "0011/0011.txt", data=b"0011_000001\t" + b"a " * 50_000 + b"\tSad\n0011_000002\tHi" + b" " * 50_000 + b"you.\tSad\n")
    put(tmp_path, "metadata.csv", data=b"0011_000001|" + b"a " * 50_000 + b"\n0011_000002|Hi" + b" " * 50_000 + b"you.\n")
    found = {one.audio_path: one.text for one in listed(tmp_path, name).candidates.values()}
    assert len(found) == 1
    assert Reason.TEXT_UNREADABLE in reasons(listed(tmp_path, name)).values()
