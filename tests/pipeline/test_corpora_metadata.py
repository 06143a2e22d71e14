"""Where texts and tables of metadata come from: what is missing, doubled or broken is told clip by clip."""

from pathlib import Path

import pytest

from pipeline.corpora import ADAPTERS
from pipeline.corpora.huggingface import split_of
from pipeline.corpora.listing import Listing, list_corpus
from pipeline.corpora.texts import carrier_phrase, file_of_each, lines_of, sentences
from pipeline.corpora.tree import Tree, scan
from schemas.errors import CorpusError, RowError
from schemas.params import AdapterName, CorpusParams, CsvTable
from schemas.reasons import Reason

LINES = lines_of("texts.data", r"(?P<key>\w+)\|(?P<text>.*)", ("{speaker}_{sentence}", "{sentence}"))


def put(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def tree_of(root: Path) -> Tree:
    return scan("c", root, lambda _: False)


def listed(root: Path, adapter: AdapterName, file: str | None = None) -> Listing:
    columns = {"delimiter": ",", "audio": "file_name", "text": "text", "speaker": "who", "emotion": None}
    table = CsvTable.model_validate({"file": file, **columns}) if file is not None else None
    params = CorpusParams(adapter=adapter, root="", language="en-us", aligner="textgrid", textgrid_dir=".", table=table)
    return list_corpus("c", params, root, ADAPTERS[adapter])


def reason_of(source: object, codes: dict[str, str]) -> Reason:
    with pytest.raises(RowError) as caught:
        source(codes)  # type: ignore[operator]
    return caught.value.reason


def test_lines_are_looked_up_by_the_first_key_that_has_one(tmp_path: Path) -> None:
    put(tmp_path, {"texts.data": b"\xef\xbb\xbfa|For all. \r\nann_a|Ann's own.\nno line\n"})
    find = LINES(tree_of(tmp_path)).find
    assert find({"speaker": "ann", "sentence": "a"}) == "Ann's own."
    assert find({"speaker": "bob", "sentence": "a"}) == "For all."
    assert reason_of(find, {"speaker": "bob", "sentence": "b"}) == Reason.TEXT_MISSING


def test_lines_that_are_not_utf8_or_contradict_fault_their_own_clips_alone(tmp_path: Path) -> None:
    put(tmp_path, {"texts.data": "a|Grüß.\n".encode("latin-1") + b"b|One.\nb|Two.\nc|Three.\nc|Three.\n"})
    find = LINES(tree_of(tmp_path)).find
    assert reason_of(find, {"speaker": "s", "sentence": "a"}) == Reason.TEXT_UNREADABLE
    assert reason_of(find, {"speaker": "s", "sentence": "b"}) == Reason.TEXT_MISSING
    assert find({"speaker": "s", "sentence": "c"}) == "Three."


def test_file_of_lines_that_is_missing_or_leaves_the_root_faults_each_clip(tmp_path: Path) -> None:
    put(tmp_path, {"secret": b"a|Secret.\n", "root/x": b""})
    assert reason_of(LINES(tree_of(tmp_path / "root")).find, {"speaker": "s", "sentence": "a"}) == Reason.TEXT_MISSING
    (tmp_path / "root/texts.data").symlink_to(tmp_path / "secret")
    assert reason_of(LINES(tree_of(tmp_path / "root")).find, {"speaker": "s", "sentence": "a"}) == Reason.PATH_OUTSIDE_ROOT


def test_texts_of_the_design_and_files_of_each(tmp_path: Path) -> None:
    put(tmp_path, {"txt/s/a.txt": b"Said.\n"})
    tree = tree_of(tmp_path)
    assert sentences({"DK_1": "En."}, key="{language}_{sentence}")(tree).find({"language": "DK", "sentence": "1"}) == "En."
    assert carrier_phrase("Say {word}.")(tree).find({"word": "back"}) == "Say back."
    assert file_of_each("txt/{speaker}/{stem}.txt")(tree).find({"speaker": "s", "stem": "a"}) == "Said.\n"
    assert reason_of(file_of_each("txt/{stem}.txt")(tree).find, {"stem": "../../etc/passwd"}) == Reason.PATH_OUTSIDE_ROOT


def test_ignored_files_and_links_are_counted_and_give_no_fault(tmp_path: Path) -> None:
    put(tmp_path, {"root/wav/03a01Fa.wav": b"", "root/egg/03a01Fa.wav": b"", "outside/a.wav": b""})
    (tmp_path / "root/egg/link.wav").symlink_to(tmp_path / "outside/a.wav")
    listing = listed(tmp_path / "root", "emodb")
    assert (len(listing), listing.n_audio_files, listing.n_ignored) == (1, 1, 2)


def test_emotale_reads_the_language_of_its_block(tmp_path: Path) -> None:
    put(tmp_path, {f"{language}_004_A_5.wav": b"" for language in ("DK", "EN")})
    found = {}
    for language in ("da", "en-gb"):
        params = CorpusParams(adapter="emotale", root="", language=language, aligner="textgrid", textgrid_dir=".", table=None)
        found[language] = list(list_corpus("c", params, tmp_path, ADAPTERS["emotale"]).candidates)
    assert found == {"da": ["c/004/DK_004_A_5"], "en-gb": ["c/004/EN_004_A_5"]}
    params = CorpusParams(adapter="emotale", root="", language="fr", aligner="textgrid", textgrid_dir=".", table=None)
    with pytest.raises(CorpusError, match=r"set `corpora\.c\.language` to da or to an English voice"):
        list_corpus("c", params, tmp_path, ADAPTERS["emotale"])


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train", "train"), ("data/train-00000-of-00001", "train"), ("validation", "validation"), ("dev", "validation"),
        ("my_dataset/valid-01", "validation"), ("test", "test"), ("Eval/a", "test"), (".", "train"), ("latest", "train"),
        ("train/test", "test"),
    ],
)  # fmt: skip
def test_split_is_told_by_words_in_the_path(path: str, split: str) -> None:
    assert split_of(path) == split


@pytest.mark.parametrize("adapter", ["folder", "huggingface"])
def test_json_lines_are_a_table_too_and_a_broken_line_is_a_fault(tmp_path: Path, adapter: AdapterName) -> None:
    rows = b'{"file_name": "a.wav", "text": "One.", "who": "ann"}\n\n[1]\n{"file_name": "b.wav", "text": 2, "who": "ann"}\n'
    put(tmp_path, {"a.wav": b"", "b.wav": b"", "list.jsonl": rows})
    listing = listed(tmp_path, adapter, "list.jsonl")
    assert {key: candidate.text for key, candidate in listing.candidates.items()} == {"c/ann/a": "One.", "c/ann/b": "2"}
    assert {key: error.reason for key, error in listing.faults.items()} == {"c/?/list.jsonl:3": Reason.TEXT_UNREADABLE}


@pytest.mark.parametrize("adapter", ["folder", "huggingface"])
def test_row_of_a_table_that_is_not_utf8_faults_its_own_clip_alone(tmp_path: Path, adapter: AdapterName) -> None:
    rows = b"file_name,text,who\na.wav,One.,ann\n" + "b.wav,Grüß.,ann\nc.wav,Three.,bôb\n".encode("latin-1")
    put(tmp_path, {"a.wav": b"", "b.wav": b"", "c.wav": b"", "list.csv": rows})
    listing = listed(tmp_path, adapter, "list.csv")
    assert list(listing.candidates) == ["c/ann/a"]
    assert {key: error.reason for key, error in listing.faults.items()} == {
        "c/ann/b": Reason.TEXT_UNREADABLE, "c/?/c.wav": Reason.TEXT_UNREADABLE,
    }  # fmt: skip


@pytest.mark.parametrize("adapter", ["folder", "huggingface"])
def test_table_whose_rows_lack_the_column_of_audio_says_which_there_are(tmp_path: Path, adapter: AdapterName) -> None:
    put(tmp_path, {"a.wav": b"", "list.csv": b"path,text,who\na.wav,One.,ann\n"})
    with pytest.raises(CorpusError, match="lacks file_name; its columns are path, text, who"):
        listed(tmp_path, adapter, "list.csv")


def test_huggingface_without_a_text_column_says_so_for_each_clip(tmp_path: Path) -> None:
    put(tmp_path, {"a.wav": b"", "metadata.csv": b"file_name,words\na.wav,One.\n"})
    listing = listed(tmp_path, "huggingface")
    assert [error.reason for error in listing.faults.values()] == [Reason.TEXT_MISSING]
    assert "none of the columns text, transcription, transcript, sentence; see `table:`" in listing.faults["c/speaker/a"].detail
