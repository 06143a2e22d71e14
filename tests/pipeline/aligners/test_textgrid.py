"""TextGrids as they come: both formats, all encodings, damaged, ambiguous; and the tiles that come of them."""

import tracemalloc
from pathlib import Path, PurePosixPath

import parselmouth
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parselmouth.praat import call
from praatio import textgrid as praatio
from praatio.utilities import textgrid_io

from pipeline.aligners.alignment import Spoken
from pipeline.aligners.textgrid import MAX_FILE_BYTES, MAX_TIERS, read_textgrid, write_textgrid
from pipeline.aligners.textgrid_aligner import TextGridFolder, align_textgrid
from schemas.errors import RowError
from schemas.params import TextGridParams
from schemas.reasons import Reason
from schemas.tables.alignments import SILENCE, Interval

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"phones"
0
1.5
3
0
0.5
""
0.5
1.0
"say ""a"""
1.0
1.5
"ʃ"
"TextTier"
"clicks"
0
1.5
1
0.7
"!"
'''
PHONES = [Interval("", 0.0, 0.5), Interval('say "a"', 0.5, 1.0), Interval("ʃ", 1.0, 1.5)]
PARAMS = TextGridParams(phone_tier="phones", word_tier="words")


def spoken(duration_s: float = 1.5) -> Spoken:
    return Spoken("c/s/a", "c/s", "wav/a.wav", "", "en-us", duration_s)


def reason_of(error: pytest.ExceptionInfo[RowError]) -> Reason:
    return error.value.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_short_format_is_read_in_every_encoding_and_keeps_empty_labels(tmp_path: Path, encoding: str, newline: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(SHORT.replace("\n", newline).encode(encoding))
    assert read_textgrid(path) == {"phones": PHONES}


def test_long_format_is_read_with_labels_that_look_like_syntax(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    intervals = [Interval("intervals [2]: xmin = 3", 0.0, 0.5), Interval('"IntervalTier"', 0.5, 1.0)]
    write_textgrid(path, {"phones": intervals}, 1.0)
    assert read_textgrid(path) == {"phones": intervals}


def test_second_tier_of_a_name_is_renamed_and_order_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, {"b": [Interval("x", 0.0, 1.0)], "a": [Interval("y", 0.0, 1.0)]}, 1.0)
    path.write_text(path.read_text().replace('name = "a"', 'name = "b"'))
    assert list(read_textgrid(path)) == ["b", "b_2"]


def test_overlaps_and_negative_times_are_handed_over_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT.replace("0.5\n1.0\n", "-0.25\n1.2\n"))
    assert read_textgrid(path)["phones"][1] == Interval('say "a"', -0.25, 1.2)


def test_silence_is_written_as_an_empty_label_and_gaps_are_filled(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, {"phones": [Interval(SILENCE, 0.0, 0.2), Interval("a", 0.3, 0.4)]}, 0.5)
    assert [(i.label, i.end_s) for i in read_textgrid(path)["phones"]] == [("", 0.2), ("", 0.3), ("a", 0.4), ("", 0.5)]


@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=20),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8).map(str.strip),
)
def test_times_and_labels_survive_writing_and_reading(tmp_path_factory: pytest.TempPathFactory, lengths_us: list[int], label: str) -> None:
    ends_s = [sum(lengths_us[: n + 1]) / 1e6 for n in range(len(lengths_us))]
    intervals = [Interval(label, start, end) for start, end in zip([0.0, *ends_s[:-1]], ends_s, strict=True)]
    path = tmp_path_factory.mktemp("t") / "a.TextGrid"
    write_textgrid(path, {"phones": intervals}, ends_s[-1])
    read = read_textgrid(path)["phones"]
    assert [i.label for i in read] == ["" if label == SILENCE else label] * len(intervals)
    assert [(i.start_s, i.end_s) for i in read] == [pytest.approx((i.start_s, i.end_s), abs=1e-6) for i in intervals]


def test_file_that_praatio_reads_as_whole_although_cut_is_rejected(tmp_path: Path) -> None:
    cut = SHORT[: SHORT.index("1.0\n1.5\n")]
    path = tmp_path / "a.TextGrid"
    path.write_text(cut)
    assert len(textgrid_io.parseTextgridStr(cut, True)["tiers"][0]["entries"]) == 2  # the trap
    with pytest.raises(RowError, match="ends before the intervals") as error:
        read_textgrid(path)
    assert reason_of(error) == Reason.ALIGNMENT_UNREADABLE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends before"),
        (b"RIFF\xff\x00\x88", "not utf-8"),
        (b'File type = "ooTextFile"\nObject class = "PitchTier"\n', "not a TextGrid"),
        (b"ooBinaryFile\x08TextGrid\x00\x00", "binary format; save it as a text file"),
        (SHORT.replace("0.5\n1.0", "early\n1.0").encode(), "where a number should stand"),
        (b" " * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
def test_what_is_no_textgrid_is_unreadable_and_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(content)
    with pytest.raises(RowError, match=message) as error:
        read_textgrid(path)
    assert reason_of(error) == Reason.ALIGNMENT_UNREADABLE


def test_missing_file_is_unreadable_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="No such file"):
        read_textgrid(tmp_path / "a.TextGrid")


def write_one(path: Path, label: str = "a") -> None:
    write_textgrid(path, {"phones": [Interval(label, 0.0, 1.5)]}, 1.5)


def test_textgrid_is_found_by_mirrored_folder_then_by_stem(tmp_path: Path) -> None:
    write_one(tmp_path / "s1" / "a.TextGrid")
    write_one(tmp_path / "s2" / "a.TextGrid")
    write_one(tmp_path / "deep" / "er" / "b.TextGrid")
    folder = TextGridFolder(tmp_path)
    assert folder.find("s2/a.wav", stem_is_shared=True) == PurePosixPath("s2/a.TextGrid")
    assert folder.find("wav/s1/a.wav", stem_is_shared=True) == PurePosixPath("s1/a.TextGrid")
    assert folder.find("wav/b.flac", stem_is_shared=False) == PurePosixPath("deep/er/b.TextGrid")


def test_two_textgrids_that_could_be_meant_are_both_named(tmp_path: Path) -> None:
    write_one(tmp_path / "s1" / "a.TextGrid")
    write_one(tmp_path / "s2" / "a.TextGrid")
    with pytest.raises(RowError, match=r"s1/a\.TextGrid, s2/a\.TextGrid") as error:
        TextGridFolder(tmp_path).find("wav/a.wav", stem_is_shared=False)
    assert reason_of(error) == Reason.ALIGNMENT_UNREADABLE


def test_textgrid_of_another_speaker_with_the_same_stem_is_not_taken(tmp_path: Path) -> None:
    write_one(tmp_path / "s2" / "a.TextGrid")
    with pytest.raises(RowError, match=r"no TextGrid for s1/a\.wav") as error:
        TextGridFolder(tmp_path).find("s1/a.wav", stem_is_shared=True)
    assert reason_of(error) == Reason.ALIGNMENT_MISSING


def test_tiers_are_chosen_by_name_by_speaker_prefix_or_by_fullness(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    few, many = [Interval("hi", 0.0, 1.5)], [Interval("h", 0.0, 0.5), Interval("i", 0.5, 1.5)]
    write_textgrid(path, {"anna - words": few, "anna - phones": many}, 1.5)
    by_name = align_textgrid(path, spoken(), PARAMS)
    assert by_name.phones == tuple(many)
    assert by_name.words == tuple(few)
    assert align_textgrid(path, spoken(), PARAMS.model_copy(update={"phone_tier": "*"})).phones == tuple(many)
    with pytest.raises(RowError, match="no interval tier 'segments'; it has anna - words, anna - phones"):
        align_textgrid(path, spoken(), PARAMS.model_copy(update={"phone_tier": "segments"}))


@pytest.mark.parametrize("duration_s", [1.4, 1.6])
def test_textgrid_for_audio_of_another_length_is_a_mismatch(tmp_path: Path, duration_s: float) -> None:
    write_one(tmp_path / "a.TextGrid")
    with pytest.raises(RowError, match=r"1\.5000 s long, the audio") as error:
        align_textgrid(tmp_path / "a.TextGrid", spoken(duration_s), PARAMS)
    assert reason_of(error) == Reason.ALIGNMENT_MISMATCH


def test_every_real_textgrid_reads_as_praatio_reads_it(shared_data: Path) -> None:
    paths = sorted(shared_data.rglob("*.TextGrid"))
    assert paths
    for path in paths[::9]:
        theirs = textgrid_io.parseTextgridStr(path.read_text(encoding="utf-8"), True)["tiers"]
        expected = {tier["name"]: [(label, float(start), float(end)) for start, end, label in tier["entries"]] for tier in theirs}
        ours = {name: [(i.label, i.start_s, i.end_s) for i in intervals] for name, intervals in read_textgrid(path).items()}
        assert ours == expected


@pytest.mark.parametrize("n_tiers", [f"{MAX_TIERS + 1}", "1e30", "1e999"])
def test_more_tiers_than_anyone_draws_are_unreadable(tmp_path: Path, n_tiers: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT.replace("<exists>\n2", f"<exists>\n{n_tiers}"))
    with pytest.raises(RowError, match="declares") as error:
        read_textgrid(path)
    assert reason_of(error) == Reason.ALIGNMENT_UNREADABLE


@pytest.mark.parametrize("label", ["a" * 4_000_000, '""' * 2_000_000])
def test_label_of_megabytes_takes_memory_in_proportion(tmp_path: Path, label: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT.replace("ʃ", label))
    tracemalloc.start()
    read_textgrid(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * path.stat().st_size


def test_phone_tier_that_holds_sentences_is_no_phone_tier(tmp_path: Path) -> None:
    write_one(tmp_path / "a.TextGrid", "word " * 30)
    with pytest.raises(RowError, match="is it the tier with phones") as error:
        align_textgrid(tmp_path / "a.TextGrid", spoken(), PARAMS)
    assert reason_of(error) == Reason.ALIGNMENT_UNREADABLE


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "try ASCII, then UTF-16", "try ISO Latin-1, then UTF-16"])
@pytest.mark.parametrize("command", ["Save as text file...", "Save as short text file..."])
@pytest.mark.parametrize("label", ["plain", 'say "a" ""', "ʃtraːsə ü 漢", "   ", 'intervals [1]: xmin = 3 "'])
def test_what_praat_itself_writes_is_read(tmp_path: Path, encoding: str, command: str, label: str) -> None:
    path = tmp_path / "a.TextGrid"
    grid = parselmouth.TextGrid(start_time=0.0, end_time=1.5, tier_names=["phones", "clicks"], point_tier_names=["clicks"])
    call(grid, "Set tier name...", 1, 'the "phone" tier')
    for end_s in (1e-05, 0.1, 1 / 3):
        call(grid, "Insert boundary...", 1, end_s)
    call(grid, "Insert point...", 2, 0.7, "!")
    call(grid, "Set interval text...", 1, 3, label)
    call("Text writing preferences...", encoding)
    call(grid, command, str(path))
    call("Text writing preferences...", "UTF-8")
    assert path.read_bytes().startswith(b"\xfe\xff") == ((encoding != "UTF-8" and not label.isascii()) or encoding == "UTF-16")
    ((name, intervals),) = read_textgrid(path).items()
    assert name == 'the "phone" tier'
    assert [i.label for i in intervals] == ["", "", label.strip(), ""]
    assert [i.end_s for i in intervals] == [pytest.approx(end_s, abs=1e-15) for end_s in (1e-05, 0.1, 1 / 3, 1.5)]


@pytest.mark.parametrize("kind", ["long_textgrid", "short_textgrid"])
def test_what_praatio_writes_is_read(tmp_path: Path, kind: str) -> None:
    spans = [(0.0, 1e-05, 'a "quoted" one'), (1e-05, 0.1, "ʃ"), (0.25, 1.5, "b")]
    grid = praatio.Textgrid()
    grid.addTier(praatio.IntervalTier("MAU", spans, 0.0, 1.5))
    grid.save(str(tmp_path / "a.TextGrid"), format=kind, includeBlankSpaces=True)
    read = read_textgrid(tmp_path / "a.TextGrid")["MAU"]
    assert [(i.start_s, i.end_s, i.label) for i in read if i.label] == spans
    assert [(i.start_s, i.end_s) for i in read if not i.label] == [(0.1, 0.25)]


def test_old_and_new_mfa_mark_silence_differently_and_give_one_alignment(tmp_path: Path) -> None:
    """MFA 1 writes ``sil`` and ``sp``, MFA 2 and later the empty label; ``spn`` stands in both for speech that has no name."""
    spans = [(0.0, 0.2), (0.2, 0.5), (0.5, 0.6), (0.6, 1.0), (1.0, 1.5)]
    found = []
    for phones, words in (
        [["sil", "AH0", "sp", "spn", "sil"], ["", "a", "", "<unk>", ""]],
        [["", "AH0", "", "spn", ""], ["", "a", "", "<unk>", ""]],
    ):
        tiers = {"words": words, "phones": phones}
        text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1.5\n<exists>\n2\n'
        for name, labels in tiers.items():
            text += f'"IntervalTier"\n"anna - {name}"\n0\n1.5\n5\n'
            text += "".join(f'{start_s}\n{end_s}\n"{label}"\n' for (start_s, end_s), label in zip(spans, labels, strict=True))
        (tmp_path / "a.TextGrid").write_text(text)
        found.append(align_textgrid(tmp_path / "a.TextGrid", spoken(), PARAMS))
    assert found[0] == found[1]
    assert [phone.label for phone in found[0].phones] == [SILENCE, "AH0", SILENCE, "spn", SILENCE]
    assert [word.label for word in found[0].words] == ["a", "<unk>"]


@pytest.mark.parametrize("number", ["0.5", ".5", "+0.5", "5e-1", "0.05E1", "0.50000000000000000001"])
def test_numbers_as_programs_write_them(tmp_path: Path, number: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT.replace("\n0.5\n", f"\n{number}\n"))
    assert read_textgrid(path) == {"phones": PHONES}
