"""From utterances to alignments: every row in is aligned or rejected, and the bytes do not depend on order or workers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from pipeline.align import AlignStageParams, main, run
from pipeline.aligners import refine_corpus, two_passes
from pipeline.aligners.rows import Results
from pipeline.aligners.textgrid import write_textgrid
from pipeline.audio import probe
from pipeline.shards import write_table
from pipeline.text.espeak import VoiceSettings, speak
from schemas.errors import CorpusError, RowError, TableError, TooManyRejectsError
from schemas.params import AlignerName, CorpusParams, load_params
from schemas.tables.alignments import ALIGNMENTS, SILENCE, Interval
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import UTTERANCES
from tests.conftest import PROJECT
from tests.rows import utterance_row

PARAMS = load_params(PROJECT / "params.yaml", AlignStageParams)
REFINED = PARAMS.align.pocketsphinx.model_copy(update={"refine_min_utterances": 3})
ALIGN = PARAMS.align.model_copy(update={"max_reject_share": 1.0, "pocketsphinx": REFINED})


def corpus(aligner: AlignerName, **changes: object) -> CorpusParams:
    return PARAMS.corpora["demo"].model_copy(update={"aligner": aligner, "textgrid_dir": ".", **changes})


def utterance(root: Path, name: str, text: str) -> dict[str, object]:
    """A row for an audio file that is there."""
    try:
        found = probe(root / name, 60)
        known = {"sample_rate_hz": found.sample_rate_hz, "n_samples": found.n_samples, "duration_s": found.duration_s}
        known["audio_sha256"] = found.sha256
    except RowError:  # a file that went bad after ingest
        known = {}
    return utterance_row(f"c/anna/{Path(name).stem}", speaker="c/anna", language="en-us", text=text, audio_path=name, **known)


def tone(path: Path, seconds: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.3 * np.sin(np.arange(round(seconds * 16000)) / 9), 16000)


def table_of(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "utterances.parquet"
    write_table(path, UTTERANCES.table(rows), UTTERANCES)
    return path


def reasons(out: Path) -> dict[str, str]:
    return {row["utterance_id"]: row["reason"] for row in pq.read_table(out / "rejects.parquet").to_pylist()}


@pytest.fixture
def tones(tmp_path: Path) -> tuple[Path, Path]:
    """A corpus of tones: one with a TextGrid, others with a missing, damaged, too long, silent or overlapping one."""
    root = tmp_path / "root"
    good = [Interval("", 0.0, 0.25), Interval("a", 0.25, 1.0)]
    tiers = {
        "good": good,
        "overlap": [Interval("a", 0.0, 0.6), Interval("b", 0.5, 1.0)],
        "silent": [Interval("", 0.0, 1.0)],
        "long": [Interval("a", 0.0, 2.0)],
        "damaged": good,
    }
    for name, intervals in tiers.items():
        tone(root / "wav" / f"{name}.wav")
        write_textgrid(root / "grids" / f"{name}.TextGrid", {"phones": intervals}, max(i.end_s for i in intervals))
    tone(root / "wav" / "missing.wav")
    damaged = root / "grids" / "damaged.TextGrid"
    damaged.write_bytes(damaged.read_bytes()[:-60])
    return root, table_of(tmp_path, [utterance(root, f"wav/{name}.wav", "A.") for name in [*tiers, "missing"]])


def test_textgrids_become_rows_or_rejects_with_reasons(cluster: str, tones: tuple[Path, Path], tmp_path: Path) -> None:
    root, utterances = tones
    run(corpus("textgrid"), ALIGN, root, utterances, tmp_path / "out", tmp_path / "counts.json")
    table = pq.read_table(tmp_path / "out" / "alignments.parquet")
    ALIGNMENTS.check(table)
    REJECTS.check(pq.read_table(tmp_path / "out" / "rejects.parquet"))
    (row,) = table.to_pylist()
    assert row["utterance_id"] == "c/anna/good"
    assert [phone["label"] for phone in row["phones"]] == [SILENCE, "a"]
    assert (row["words"], row["score"], row["text_read"], row["aligner"]) == ([], None, "", "textgrid")
    assert reasons(tmp_path / "out") == {
        "c/anna/damaged": "alignment_unreadable",
        "c/anna/long": "alignment_mismatch",
        "c/anna/missing": "alignment_missing",
        "c/anna/overlap": "alignment_mismatch",
        "c/anna/silent": "alignment_no_speech",
    }
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert (counts["rows_in"], counts["rows_out"], counts["rejected"]) == (6, 1, 5)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus of espeak-ng's speech with a wrong text and a file that is gone."""
    folder = tmp_path_factory.mktemp("speech")
    texts = ["We walked home along the river.", "Seven boats returned.", "The old sailor told Zorvanna a story.", "It rained for 3 days."]
    rows = []
    for number, text in enumerate(texts):
        made = speak(text, VoiceSettings("en-us+m3", rate_wpm=160, pitch=50, pitch_range=50, volume=60))
        sf.write(folder / f"u{number}.wav", made.samples, made.sample_rate_hz)
        rows.append(utterance(folder, f"u{number}.wav", text))
    sf.write(folder / "wrong.wav", made.samples, made.sample_rate_hz)
    rows.append(utterance(folder, "wrong.wav", "Nobody understood these particular regulations either."))
    rows.append(utterance(folder, "gone.wav", "Gone."))
    rows.append(utterance(folder, "script.wav", "Это по-русски."))
    return folder, table_of(folder, rows)


def test_pocketsphinx_bytes_are_the_same_for_any_batches_and_workers(
    cluster: str, speech: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, utterances = speech

    def here(task: Callable[..., Results], batches: list[list[object]], label: str, lost: object) -> list[Results]:
        return [task(batch) for batch in reversed(batches)]

    def files(name: str) -> list[bytes]:
        run(corpus("pocketsphinx"), ALIGN, root, utterances, tmp_path / name, tmp_path / "counts.json")
        return [(tmp_path / name / f"{table}.parquet").read_bytes() for table in ("alignments", "rejects")]

    in_one = files("one_batch")
    for module in (two_passes, refine_corpus):
        monkeypatch.setattr(module, "BATCH_UTTERANCES", 1)
    assert files("batches_of_one") == in_one
    for module in (two_passes, refine_corpus):
        monkeypatch.setattr(module, "BATCH_UTTERANCES", 4)
        monkeypatch.setattr(module, "map_batches", here)  # one process, last batch first
    assert files("one_process_backwards") == in_one
    assert pq.read_table(tmp_path / "one_batch" / "alignments.parquet").column("utterance_id").to_pylist() == [
        f"c/anna/u{n}" for n in range(4)
    ]
    found = reasons(tmp_path / "one_batch")
    assert found.keys() == {"c/anna/gone", "c/anna/script", "c/anna/wrong"}
    assert found["c/anna/gone"] == "audio_missing"
    assert found["c/anna/script"] == "text_script"
    assert found["c/anna/wrong"] in ("alignment_failed", "alignment_low_score")


def test_refinement_moves_boundaries_and_words_with_their_phones(cluster: str, speech: tuple[Path, Path], tmp_path: Path) -> None:
    root, utterances = speech

    def rows(refine: str, least: int) -> list[dict[str, object]]:
        pocketsphinx = REFINED.model_copy(update={"refine": refine, "refine_min_utterances": least})
        run(
            corpus("pocketsphinx"), ALIGN.model_copy(update={"pocketsphinx": pocketsphinx}), root, utterances, tmp_path, tmp_path / "c.json"
        )
        return pq.read_table(tmp_path / "alignments.parquet").to_pylist()

    first, refined = rows("none", 3), rows("corpus", 3)
    assert rows("corpus", 5) == first  # four are aligned: too few to learn from
    assert all(row["aligner"] == f"{before['aligner']}, refined" for row, before in zip(refined, first, strict=True))
    assert [row["phones"] for row in refined] != [row["phones"] for row in first]
    for row in refined:
        edges = {phone["end_s"] for phone in row["phones"]} | {phone["start_s"] for phone in row["phones"]}
        assert all({word["start_s"], word["end_s"]} <= edges for word in row["words"])


def digests(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.mark.parametrize("refine", ["none", "corpus"])
def test_increments_make_first_passes_of_what_changed_alone_and_equal_a_run_from_scratch(
    cluster: str, speech: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], refine: str
) -> None:
    root = Path(shutil.copytree(speech[0], tmp_path / "root"))
    rows = pq.read_table(speech[1]).to_pylist()
    params = ALIGN.model_copy(update={"pocketsphinx": REFINED.model_copy(update={"refine": refine})})

    def made(out: str, rows: list[dict[str, object]]) -> str:
        run(corpus("pocketsphinx"), params, root, table_of(tmp_path, rows), tmp_path / out, tmp_path / "counts.json")
        return next(line for line in capsys.readouterr().err.splitlines() if "first passes" in line)

    assert made("out", rows) == "align: 7 of 7 first passes to make"
    before, times = digests(tmp_path / "out"), [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]
    assert made("out", rows) == "align: 1 of 7 first passes to make"  # the missing file is looked for again
    assert digests(tmp_path / "out") == before
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())] == times
    (root / "new.wav").write_bytes((root / "u1.wav").read_bytes())
    changed = [row for row in rows if row["utterance_id"] != "c/anna/u3"]
    changed = [row | {"text": "Seven goats returned."} if row["utterance_id"] == "c/anna/u1" else row for row in changed]
    changed.append(utterance(root, "new.wav", "Seven boats returned."))
    assert made("out", changed) == "align: 3 of 7 first passes to make"
    made("scratch", changed)
    assert digests(tmp_path / "scratch") == digests(tmp_path / "out")


def test_listed_utterances_hold_the_model_still_so_that_new_ones_move_no_boundary(
    cluster: str, speech: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(speech[0], tmp_path / "root"))
    (root / "learn_on.txt").write_bytes("\ufeffc/anna/u0\r\nc/anna/u1\r\nc/anna/u2\r\n".encode() + b"of old: \xfc\r\n")
    rows = [row for row in pq.read_table(speech[1]).to_pylist() if "/u" in row["utterance_id"]]
    params = ALIGN.model_copy(update={"pocketsphinx": REFINED.model_copy(update={"refine_list": "learn_on.txt"})})

    def phones(out: str, rows: list[dict[str, object]]) -> dict[str, object]:
        run(corpus("pocketsphinx"), params, root, table_of(tmp_path, rows), tmp_path / out, tmp_path / "counts.json")
        return {row["utterance_id"]: row["phones"] for row in pq.read_table(tmp_path / out / "alignments.parquet").to_pylist()}

    before = phones("out", rows)
    (root / "new.wav").write_bytes((root / "u1.wav").read_bytes())
    rows.append(utterance(root, "new.wav", "Seven boats returned."))
    after = phones("out", rows)
    assert "align: 1 of 5 utterances to refine, the model is learned on 3" in capsys.readouterr().err
    assert before.items() <= after.items()
    phones("scratch", rows)
    assert digests(tmp_path / "scratch") == digests(tmp_path / "out")
    (root / "learn_on.txt").write_text("c/anna/u0\n")
    with pytest.raises(CorpusError, match="names 1 aligned utterances, refine_min_utterances=3 are needed"):
        phones("out", rows)
    (root / "learn_on.txt").unlink()
    with pytest.raises(CorpusError, match="is no file inside the corpus root"):
        phones("out", rows)


def test_moved_limit_of_the_score_makes_no_first_pass_and_another_aligner_forgets_them(
    cluster: str, speech: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, utterances = speech
    out, counts = tmp_path / "out", tmp_path / "counts.json"
    plain = REFINED.model_copy(update={"refine": "none"})
    run(corpus("pocketsphinx"), ALIGN.model_copy(update={"pocketsphinx": plain}), root, utterances, out, counts)
    strict = plain.model_copy(update={"min_score": -1.0})
    run(corpus("pocketsphinx"), ALIGN.model_copy(update={"pocketsphinx": strict}), root, utterances, out, counts)
    assert "align: 1 of 7 first passes to make" in capsys.readouterr().err
    assert reasons(out)["c/anna/u0"] == "alignment_low_score"
    run(corpus("textgrid"), ALIGN, root, utterances, out, counts)
    assert sorted(path.name for path in out.iterdir()) == ["alignments.parquet", "rejects.parquet"]


def test_german_is_aligned_in_its_own_phones(cluster: str, tmp_path: Path) -> None:
    rows = []
    for number, text in enumerate(("Der Lappen liegt auf dem Tisch.", "Das schwarze Buch ist schön.", "Heute Abend gehen wir nach Hause.")):
        made = speak(text, VoiceSettings("de+m3", rate_wpm=150, pitch=50, pitch_range=50, volume=60))
        sf.write(tmp_path / f"g{number}.wav", made.samples, made.sample_rate_hz)
        rows.append(utterance(tmp_path, f"g{number}.wav", text) | {"language": "de"})
    run(corpus("pocketsphinx", language="de"), ALIGN, tmp_path, table_of(tmp_path, rows), tmp_path / "out", tmp_path / "counts.json")
    found = pq.read_table(tmp_path / "out" / "alignments.parquet").to_pylist()
    assert len(found) == 3
    labels = [phone["label"] for phone in found[1]["phones"] if phone["label"] != SILENCE]
    assert labels == ["d", "a", "s", "ʃ", "v", "a", "ɾ", "ts", "ə", "b", "uː", "x", "ɪ", "s", "t", "ʃ", "øː", "n"]


def test_missing_textgrid_folder_stops_the_run(tones: tuple[Path, Path], tmp_path: Path) -> None:
    root, utterances = tones
    with pytest.raises(CorpusError, match="set the corpus's `textgrid_dir`"):
        run(corpus("textgrid", textgrid_dir="nowhere"), ALIGN, root, utterances, tmp_path, tmp_path / "counts.json")


def test_textgrid_folder_outside_the_corpus_stops_the_run(tones: tuple[Path, Path], tmp_path: Path) -> None:
    root, utterances = tones
    with pytest.raises(CorpusError, match="leaves the corpus root"):
        run(corpus("textgrid", textgrid_dir=".."), ALIGN, root, utterances, tmp_path, tmp_path / "counts.json")


def test_table_of_another_stage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rejects.parquet"
    write_table(path, REJECTS.table([]), REJECTS)
    with pytest.raises(TableError, match="table utterances: missing"):
        run(corpus("textgrid"), ALIGN, tmp_path, path, tmp_path, tmp_path / "counts.json")


def test_too_many_rejects_stop_the_stage_after_the_tables_are_written(cluster: str, tones: tuple[Path, Path], tmp_path: Path) -> None:
    root, utterances = tones
    strict = ALIGN.model_copy(update={"max_reject_share": 0.5})
    with pytest.raises(TooManyRejectsError, match="5 of 6 rows rejected"):
        run(corpus("textgrid"), strict, root, utterances, tmp_path / "out", tmp_path / "counts.json")
    assert len(reasons(tmp_path / "out")) == 5


def test_main_takes_the_corpus_block_and_its_root_from_params(cluster: str, tones: tuple[Path, Path], tmp_path: Path) -> None:
    _, utterances = tones
    document = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    document["corpora"] = {"c": {**document["corpora"]["demo"], "root": "root", "aligner": "textgrid", "textgrid_dir": "grids"}}
    document["align"]["max_reject_share"] = 1.0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    main("c", utterances, tmp_path / "out", tmp_path / "counts.json", tmp_path / "params.yaml")
    assert pq.read_table(tmp_path / "out" / "alignments.parquet").num_rows == 1


def test_hand_labels_of_emodb_come_through_and_the_two_without_are_rejected(cluster: str, shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "emodb_dev"
    names = ["08a01Ab", "08a01Wa", "03a01Fa", "11b10Wa"]
    utterances = table_of(tmp_path, [utterance(root, f"wav/{name}.flac", "Der Lappen.") for name in names])
    run(corpus("textgrid", textgrid_dir="textgrid"), ALIGN, root, utterances, tmp_path / "out", tmp_path / "counts.json")
    assert pq.read_table(tmp_path / "out" / "alignments.parquet").num_rows == 2
    assert reasons(tmp_path / "out") == dict.fromkeys(["c/anna/08a01Ab", "c/anna/08a01Wa"], "alignment_missing")
