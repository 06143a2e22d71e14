"""The extract stage on a real cluster of two processes, with recordings whose pitch is known."""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from pipeline import audio, extract, shards
from pipeline.extract import ExtractStageParams
from schemas.errors import ParamsError, TableError, TooManyRejectsError
from schemas.params import load_params
from schemas.tables.alignments import ALIGNMENTS
from schemas.tables.features import features_contract
from schemas.tables.quality import QUALITY
from schemas.tables.rejects import REJECTS
from schemas.tables.speakers import PITCH_LIMITS, PITCH_SAMPLES
from schemas.tables.utterances import UTTERANCES
from tests.conftest import PROJECT
from tests.rows import alignment_row, utterance_row

RATE_HZ = 16000  # not the grid's, so that every test passes through resampling
PITCH_HZ = {"low": 110.0, "high": 240.0}
CONTRACT = features_contract(80)


def parameters(**changes: dict[str, Any]) -> ExtractStageParams:
    whole = load_params(PROJECT / "params.yaml", ExtractStageParams).model_dump()
    whole["extract"] |= {"n_shards": 4}
    for section, values in changes.items():
        whole[section] |= values
    return ExtractStageParams.model_validate(whole)


@dataclass
class Corpus:
    """A folder of tones between silences, with its two tables."""

    folder: Path
    utterances: list[dict[str, Any]]
    alignments: list[dict[str, Any]]
    computed: dict[str, int] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The corpus folder."""
        return self.folder / "corpus"

    def add(self, speaker: str, stem: str, duration_s: float = 0.5) -> None:
        """Record an utterance and list it in both tables."""
        path = self.root / f"{stem}.wav"
        self.record(path, PITCH_HZ[speaker], duration_s)
        utterance_id = f"toy/{speaker}/{stem}"
        n_samples = round(duration_s * RATE_HZ)
        of_file = {"audio_path": path.name, "audio_sha256": audio.file_sha256(path), "sample_rate_hz": RATE_HZ, "n_samples": n_samples}
        of_file["duration_s"] = n_samples / RATE_HZ
        self.utterances.append(utterance_row(utterance_id, corpus="toy", speaker=f"toy/{speaker}", text="a tone", **of_file))
        edges_s = [0.0, 0.1, duration_s - 0.1, n_samples / RATE_HZ]
        phones = [{"label": label, "start_s": edges_s[at], "end_s": edges_s[at + 1]} for at, label in enumerate(["sil", "a", "sil"])]
        self.alignments.append(alignment_row(utterance_id, phones=phones, duration_s=n_samples / RATE_HZ))

    def record(self, path: Path, f0_hz: float, duration_s: float) -> None:
        """Write a tone of five harmonics with 0.1 s of silence on both sides."""
        time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
        tone = sum(0.2 / k * np.sin(2 * np.pi * k * f0_hz * time_s) for k in range(1, 6))
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.where((time_s >= 0.1) & (time_s < duration_s - 0.1), tone, 0.0), RATE_HZ)

    def extract(self, out: str = "out", params: ExtractStageParams | None = None) -> list[dict[str, Any]]:
        """Run the stage and return its rows; `computed` then says how many rows each part was computed for."""
        tables = {"utterances": UTTERANCES.table(self.utterances), "alignments": ALIGNMENTS.table(self.alignments)}
        shards.write_table(self.folder / "utterances.parquet", tables["utterances"], UTTERANCES)
        shards.write_table(self.folder / "alignments.parquet", tables["alignments"], ALIGNMENTS)
        places = (self.folder / "utterances.parquet", self.folder / "alignments.parquet", self.folder / out)
        found = extract.run("toy", params or parameters(), self.root, *places, self.folder / "metrics" / "extract.json")
        self.computed = {part: count for part, count in found.items() if count}
        return list(shards.iter_rows(shards.shard_paths(self.folder / out)))

    def rejects(self, out: str = "out") -> list[tuple[str, str]]:
        """Id and reason of each reject."""
        rows = shards.read_table(self.folder / out / "rejects.parquet", REJECTS).to_pylist()
        return [(row["utterance_id"], row["reason"]) for row in rows]

    def digests(self, out: str = "out") -> dict[str, str]:
        """Hash of each file of the stage's output."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((self.folder / out).iterdir())}

    def times(self, out: str = "out") -> dict[str, int]:
        """When each shard was written."""
        return {path.name: path.stat().st_mtime_ns for path in shards.shard_paths(self.folder / out)}


@pytest.fixture
def corpus(tmp_path: Path, cluster: str) -> Corpus:
    made = Corpus(tmp_path, [], [])
    for at in range(6):
        made.add("low", f"l{at}", 0.5 + 0.013 * at)
        made.add("high", f"h{at}", 0.6)
    return made


def test_rows_hold_what_was_recorded(corpus: Corpus):
    rows = corpus.extract()
    assert len(rows) == 12
    for row in rows:
        f0_hz = np.array(row["f0_hz"], float)
        expected = PITCH_HZ[row["speaker"].removeprefix("toy/")]
        np.testing.assert_allclose(f0_hz[np.isfinite(f0_hz)], expected, rtol=0.02)
        assert row["phones"] == ["sil", "a", "sil"]
        assert abs(row["duration_frames"][0] - 0.1 * 22050 / 256) <= 1
        np.testing.assert_allclose(row["phone_log_f0"][1], np.log(expected), rtol=0.005)
        assert row["phone_energy_db"][1] > row["phone_energy_db"][0] + 10
    for path in shards.shard_paths(corpus.folder / "out"):
        CONTRACT.check(shards.read_table(path, CONTRACT))
    metrics = json.loads((corpus.folder / "metrics" / "extract.json").read_text())
    assert (metrics["rows_in"], metrics["rows_out"], metrics["rejected"]) == (12, 12, 0)


def test_limits_follow_the_speaker(corpus: Corpus):
    rows = corpus.extract()
    limits = {row["speaker"]: row for row in shards.read_table(corpus.folder / "out" / "pitch_limits.parquet", PITCH_LIMITS).to_pylist()}
    assert (limits["toy/low"]["floor_hz"], limits["toy/low"]["ceiling_hz"]) == (80.0, 250.0)
    assert (limits["toy/high"]["floor_hz"], limits["toy/high"]["ceiling_hz"]) == (175.0, 550.0)
    assert limits["toy/low"]["n_utterances"] == 6
    assert {(row["speaker"], row["f0_floor_hz"]) for row in rows} == {(name, row["floor_hz"]) for name, row in limits.items()}


def test_fixed_limits_are_the_same_for_all(corpus: Corpus):
    rows = corpus.extract(params=parameters(pitch={"adaptive": False}))
    assert {(row["f0_floor_hz"], row["f0_ceiling_hz"]) for row in rows} == {(60.0, 700.0)}


def test_second_run_writes_no_shard(corpus: Corpus):
    corpus.extract()
    times, digests = corpus.times(), corpus.digests()
    corpus.extract()
    assert corpus.times() == times
    assert corpus.digests() == digests


def test_changed_recording_rewrites_its_shard_alone_and_equals_a_run_from_scratch(corpus: Corpus):
    corpus.extract()
    times = corpus.times()
    changed = corpus.utterances[0]
    corpus.record(corpus.root / changed["audio_path"], 115.0, changed["duration_s"])
    changed["audio_sha256"] = audio.file_sha256(corpus.root / changed["audio_path"])
    corpus.extract()
    name = shards.shard_name(shards.shard_index(changed["utterance_id"], 4), 4)
    assert {path for path, time in corpus.times().items() if time != times[path]} == {name}
    corpus.extract("scratch")
    assert corpus.digests("scratch") == corpus.digests()


def test_added_and_deleted_utterances_equal_a_run_from_scratch(corpus: Corpus):
    corpus.extract()
    gone = corpus.alignments.pop(3)["utterance_id"]
    corpus.add("low", "new")
    rows = corpus.extract()
    assert gone not in {row["utterance_id"] for row in rows}
    corpus.extract("scratch")
    assert corpus.digests("scratch") == corpus.digests()


def test_unchanged_rows_are_not_computed_again(corpus: Corpus):
    """The recordings are gone: only rows that are computed would miss them."""
    params = parameters(pitch={"adaptive": False})
    corpus.extract(params=params)
    corpus.add("low", "new")
    for row in corpus.utterances[:-1]:
        (corpus.root / row["audio_path"]).unlink()
    assert len(corpus.extract(params=params)) == 13
    assert corpus.rejects() == []


def test_changed_parameter_of_a_feature_computes_all_again(corpus: Corpus):
    before = {row["fingerprint"] for row in corpus.extract()}
    after = {row["fingerprint"] for row in corpus.extract(params=parameters(energy={"floor_db": -90.0}))}
    assert len(before) == len(after) == 12
    assert not before & after


def test_parameter_that_only_finds_limits_changes_nothing_where_limits_stay(corpus: Corpus):
    corpus.extract()
    times = corpus.times()
    corpus.extract(params=parameters(pitch={"sample_utterances": 5}))
    assert corpus.times() == times


def test_another_row_group_size_rewrites_shards_as_from_scratch(corpus: Corpus):
    params = parameters(extract={"row_group_rows": 2})
    corpus.extract()
    corpus.extract(params=params)
    corpus.extract("scratch", params)
    assert corpus.digests("scratch") == corpus.digests()


def test_another_shard_count_prunes_the_old_shards(corpus: Corpus):
    corpus.extract()
    corpus.extract(params=parameters(extract={"n_shards": 2}))
    assert all(name.endswith("-of-0002.parquet") for name in corpus.times())


def test_damaged_shard_is_made_again(corpus: Corpus):
    corpus.extract()
    digests = corpus.digests()
    victim = shards.shard_paths(corpus.folder / "out")[0]
    victim.write_bytes(victim.read_bytes()[:1000])
    (corpus.folder / "out" / ".features-0000-of-0004.parquet.1.partial").write_bytes(b"left by a crash")
    corpus.extract()
    assert corpus.digests() == digests


def test_shard_damaged_in_the_middle_is_made_again_when_it_is_needed(corpus: Corpus):
    """Its footer and its fingerprints can be read, its mels cannot."""
    corpus.extract()
    for victim in shards.shard_paths(corpus.folder / "out"):
        group, data = pq.read_metadata(victim).row_group(0), bytearray(victim.read_bytes())
        (mel,) = (group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema.startswith("mel_ln"))
        data[mel.data_page_offset : mel.data_page_offset + mel.total_compressed_size] = bytes(mel.total_compressed_size)
        victim.write_bytes(data)
    louder = parameters(energy={"floor_db": -90.0})
    corpus.extract(params=louder)
    assert corpus.rejects() == []
    corpus.extract("scratch", louder)
    assert corpus.digests("scratch") == corpus.digests()


def test_rejects_of_another_version_of_the_code_are_tried_again(corpus: Corpus):
    params = parameters(duration={"zero_frame_phones": "reject"})
    phones = corpus.alignments[0]["phones"]
    phones.insert(1, {"label": "t", "start_s": 0.1, "end_s": 0.1001})
    phones[2]["start_s"] = 0.1001
    corpus.extract(params=params)
    path = corpus.folder / "out" / "rejects.parquet"
    (row,) = pq.read_table(path).to_pylist()
    assert row["fingerprint"]
    pq.write_table(pa.Table.from_pylist([row | {"reason": "a_reason_of_old"}], schema=REJECTS.arrow), path)
    corpus.extract(params=params)
    assert corpus.rejects() == [("toy/low/l0", "zero_frame_phone")]


@pytest.mark.slow
def test_one_worker_and_two_give_equal_bytes(corpus: Corpus, monkeypatch: pytest.MonkeyPatch):
    corpus.extract()
    monkeypatch.setitem(os.environ, "ESPRESSIVO_SCHEDULER", "local")
    monkeypatch.setitem(os.environ, "ESPRESSIVO_WORKERS", "1")
    corpus.extract("single")
    assert corpus.digests("single") == corpus.digests()


def test_each_fault_rejects_its_row_with_a_reason_and_spares_the_rest(corpus: Corpus):
    (corpus.root / "l0.wav").unlink()
    corpus.record(corpus.root / "l1.wav", 200.0, 0.5)
    corpus.add("high", "stub", 0.5)
    corpus.utterances[-1]["audio_path"] = "h0.wav"  # of another duration than the alignment
    corpus.utterances[-1]["audio_sha256"] = corpus.utterances[1]["audio_sha256"]
    rows = corpus.extract(params=parameters(extract={"max_reject_share": 0.5}))
    assert corpus.rejects() == [
        ("toy/high/stub", "alignment_mismatch"),
        ("toy/low/l0", "audio_missing"),
        ("toy/low/l1", "audio_changed"),
    ]
    assert len(rows) == 10


def test_row_that_breaks_the_contract_is_rejected_and_its_shard_written(corpus: Corpus):
    """Samples of a float file may pass full scale; at +40 dB the energy is no energy of a recording."""
    loud = np.full(RATE_HZ // 2, 100.0, np.float32)
    sf.write(corpus.root / "l0.wav", loud, RATE_HZ, subtype="FLOAT")
    corpus.utterances[0]["audio_sha256"] = audio.file_sha256(corpus.root / "l0.wav")
    limits = parameters().quality.model_dump().keys() - {"outlier_z"}
    rows = corpus.extract(params=parameters(quality=dict.fromkeys(limits)))  # they would reject it before
    assert corpus.rejects() == [("toy/low/l0", "contract_broken")]
    assert len(rows) == 11


def test_empty_phone_policy_reaches_the_rows(corpus: Corpus):
    phones = corpus.alignments[0]["phones"]
    phones.insert(1, {"label": "t", "start_s": 0.1, "end_s": 0.1001})
    phones[2]["start_s"] = 0.1001
    corpus.extract(params=parameters(duration={"zero_frame_phones": "reject"}))
    assert corpus.rejects() == [("toy/low/l0", "zero_frame_phone")]


def test_too_many_rejects_end_the_stage_after_it_wrote_them(corpus: Corpus):
    shutil.rmtree(corpus.root)
    with pytest.raises(TooManyRejectsError, match=r"12 of 12 rows rejected.*audio_missing 12"):
        corpus.extract()
    assert len(corpus.rejects()) == 12


def test_alignment_without_utterance_stops_the_run(corpus: Corpus):
    corpus.utterances.pop(0)
    with pytest.raises(TableError, match="1 aligned utterances are not in the utterances table, the first is toy/low/l0"):
        corpus.extract()


def test_bands_that_do_not_fit_stop_the_run_before_any_work(corpus: Corpus):
    with pytest.raises(ParamsError, match=r"mel.f_max_hz"):
        corpus.extract(params=parameters(mel={"f_max_hz": 12000.0}))
    assert not (corpus.folder / "out").exists()


LOW = [(f"toy/low/l{at}", "quality_phone_rate") for at in range(6)]  # of 2.7 to 3.3 phones a second; the others have 2.5
STRICT = {"extract": {"max_reject_share": 0.5}, "quality": {"max_phone_rate_hz": 2.6}}


def qualities(corpus: Corpus, out: str = "out") -> list[dict[str, Any]]:
    paths = sorted((corpus.folder / out).glob("quality-*.parquet"))
    return [row for path in paths for row in shards.read_table(path, QUALITY).to_pylist()]


def test_quality_stands_beside_the_features_of_each_utterance(corpus: Corpus):
    corpus.alignments[0]["score"] = -9.0
    features = {row["utterance_id"] for row in corpus.extract()}
    rows = {row["utterance_id"]: row for row in qualities(corpus)}
    assert rows.keys() == features
    first = rows["toy/low/l0"]
    assert (first["alignment_score"], first["rejected_for"]) == (-9.0, "")
    assert first["phone_rate_hz"] == pytest.approx(1 / 0.3)
    assert (first["leading_silence_s"], first["clipping_share"]) == (pytest.approx(0.1), 0.0)
    assert first["voiced_share"] > 0.8
    assert rows["toy/high/h0"]["alignment_score"] is None


def test_limit_rejects_rows_with_its_reason_and_keeps_their_measures(corpus: Corpus):
    rows = corpus.extract(params=parameters(**STRICT))
    assert corpus.rejects() == LOW
    assert {row["speaker"] for row in rows} == {"toy/high"}
    assert {row["utterance_id"]: row["rejected_for"] for row in qualities(corpus)} == {row["utterance_id"]: "" for row in rows} | dict(LOW)


def test_moved_limit_computes_nothing_but_rows_that_come_back_and_equals_a_run_from_scratch(corpus: Corpus):
    fixed = {"pitch": {"adaptive": False}}  # the search for limits of a speaker's own reads recordings
    corpus.extract(params=parameters(**fixed))
    whole = corpus.digests()
    audio_files = corpus.root.rename(corpus.folder / "away")
    corpus.extract(params=parameters(**STRICT, **fixed))  # no recording is there, and none is needed
    assert corpus.rejects() == LOW
    strict = corpus.digests()
    corpus.extract(params=parameters(**STRICT, **fixed))
    assert corpus.digests() == strict
    audio_files.rename(corpus.root)
    corpus.extract("scratch", parameters(**STRICT, **fixed))
    assert corpus.digests("scratch") == strict
    corpus.extract(params=parameters(**fixed))
    assert corpus.digests() == whole


def test_typical_lengths_change_verdicts_but_compute_no_row_again(corpus: Corpus):
    """An utterance whose only phone was usual becomes an outlier among many short ones; no row's fingerprint changes."""
    limits = {"quality": {"max_duration_outlier_share": 0.05}, "extract": {"max_reject_share": 1.0}}
    before = {row["utterance_id"]: row["fingerprint"] for row in corpus.extract(params=parameters(**limits))}
    assert corpus.rejects() == []
    for at in range(40):
        corpus.add("high", f"short{at}", 0.26)
    rows = corpus.extract(params=parameters(**limits))
    assert {utterance_id for utterance_id, reason in corpus.rejects() if reason == "quality_durations"} == before.keys()
    assert len(rows) == 40
    after = {row["utterance_id"]: row["fingerprint"] for row in corpus.extract()}
    assert before.items() <= after.items()


EVERYTHING = {"mel", "pitch", "energy", "durations", "pools", "measures"}
PITCHED = {"pitch", "pools", "measures"}
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    **{f"frames.{name}": ({"frames": {name: value}}, EVERYTHING) for name, value in [("sample_rate_hz", 16000), ("hop_samples", 200)]},
    "frames.window_samples": ({"frames": {"window_samples": 800}}, {"mel", "energy", "pools"}),
    "frames.n_fft": ({"frames": {"n_fft": 2048}}, {"mel", "energy", "pools"}),
    **{
        f"mel.{name}": ({"mel": {name: value}}, {"mel"})
        for name, value in [("n_mels", 64), ("f_min_hz", 20.0), ("f_max_hz", 7000.0), ("amplitude_floor", 1e-4)]
    },
    **{
        f"pitch.{name}": ({"pitch": {name: value}}, PITCHED)
        for name, value in [
            ("extractor", "dio"), ("floor_factor", 0.5), ("ceiling_factor", 3.0), ("adaptive", False), ("min_confidence", 0.5),
            ("voicing_threshold", 0.5), ("silence_threshold", 0.1), ("octave_cost", 0.05), ("octave_jump_cost", 0.5),
            ("voiced_unvoiced_cost", 0.2), ("floor_hz", 100.0), ("ceiling_hz", 240.0),
        ]
    },
    "pitch.sample_utterances": ({"pitch": {"sample_utterances": 5}}, set()),
    "energy.floor_db": ({"energy": {"floor_db": -80.0}}, {"energy", "pools"}),
    "duration.zero_frame_phones": ({"duration": {"zero_frame_phones": "keep"}}, {"durations", "pools"}),
    "quality.outlier_z": ({"quality": {"outlier_z": 3.0}}, set()),
    "extract.row_group_rows": ({"extract": {"row_group_rows": 2}}, set()),
}  # fmt: skip


def test_a_change_of_each_parameter_of_a_feature_is_looked_at():
    sections = parameters().model_dump(include={"frames", "mel", "pitch", "energy", "duration"})
    assert {f"{section}.{name}" for section, values in sections.items() for name in values} <= CHANGES.keys()


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory, cluster: str) -> Corpus:
    """A corpus of two rows a speaker after a run; to be copied, not changed."""
    made = Corpus(tmp_path_factory.mktemp("extracted"), [], [])
    for at in range(2):
        made.add("low", f"l{at}", 0.5 + 0.013 * at)
        made.add("high", f"h{at}", 0.6)
    made.extract()
    return made


@pytest.mark.parametrize("name", CHANGES)
def test_changed_parameter_computes_what_depends_on_it_and_nothing_else_and_equals_a_run_from_scratch(
    extracted: Corpus, tmp_path: Path, name: str
):
    changes, parts = CHANGES[name]
    corpus = Corpus(tmp_path, extracted.utterances, extracted.alignments)
    shutil.copytree(extracted.folder, tmp_path, dirs_exist_ok=True)
    corpus.extract(params=parameters(**changes))
    assert corpus.computed.keys() == parts
    corpus.extract("scratch", parameters(**changes))
    assert corpus.digests("scratch") == corpus.digests()


def test_changed_metadata_computes_nothing_and_equals_a_run_from_scratch(corpus: Corpus):
    corpus.extract()
    corpus.utterances[0] |= {"emotion": "sad", "split": "test", "text": "another tone", "intensity": 0.5}
    rows = {row["utterance_id"]: row for row in corpus.extract()}
    assert corpus.computed == {}
    assert rows["toy/low/l0"]["emotion"] == "sad"
    corpus.extract("scratch")
    assert corpus.digests("scratch") == corpus.digests()


def test_moved_boundary_computes_durations_pools_and_measures_of_its_row_alone(corpus: Corpus):
    corpus.extract()
    phones = corpus.alignments[0]["phones"]
    phones[0]["end_s"] = phones[1]["start_s"] = 0.13
    corpus.extract()
    assert corpus.computed == {"durations": 1, "pools": 1, "measures": 1}
    corpus.extract("scratch")
    assert corpus.digests("scratch") == corpus.digests()


def test_new_limits_of_one_speaker_compute_the_pitch_of_that_speaker_and_nothing_else_of_old_rows(corpus: Corpus):
    corpus.extract()
    for at in range(8):  # an octave up: the speaker's quartiles move
        corpus.add("low", f"new{at}", 0.5)
        corpus.record(corpus.root / f"new{at}.wav", 220.0, 0.5)
        corpus.utterances[-1]["audio_sha256"] = audio.file_sha256(corpus.root / f"new{at}.wav")
    corpus.extract()
    assert corpus.computed == {"mel": 8, "energy": 8, "durations": 8, "pitch": 14, "pools": 14, "measures": 14}
    corpus.extract("scratch")
    assert corpus.digests("scratch") == corpus.digests()


def test_rejects_that_would_come_again_are_not_computed_again_but_missing_files_are_looked_for(corpus: Corpus):
    params = parameters(duration={"zero_frame_phones": "reject"}, pitch={"adaptive": False}, extract={"max_reject_share": 1.0})
    phones = corpus.alignments[0]["phones"]
    phones.insert(1, {"label": "t", "start_s": 0.1, "end_s": 0.1001})
    phones[2]["start_s"] = 0.1001
    hidden = (corpus.root / "l1.wav").rename(corpus.folder / "hidden.wav")
    corpus.extract(params=params)
    faults = [("toy/low/l0", "zero_frame_phone"), ("toy/low/l1", "audio_missing")]
    assert corpus.rejects() == faults
    (corpus.root / "l0.wav").unlink()  # a row that is tried again would now miss it
    digests = corpus.digests()
    corpus.extract(params=params)
    assert corpus.digests() == digests
    hidden.rename(corpus.root / "l1.wav")
    corpus.extract(params=params)
    assert corpus.rejects() == faults[:1]


def test_first_pass_listens_to_new_recordings_alone(corpus: Corpus):
    """The old recordings are gone: only a search of them would miss them, and then find fewer."""
    corpus.extract()
    for row in corpus.utterances:
        (corpus.root / row["audio_path"]).unlink()
    corpus.add("high", "new", 0.6)
    corpus.extract()
    samples = shards.read_table(corpus.folder / "out" / "pitch_samples.parquet", PITCH_SAMPLES).to_pylist()
    assert len(samples) == 13
    assert corpus.rejects() == []


def test_damaged_quality_table_is_made_again(corpus: Corpus):
    corpus.extract()
    digests = corpus.digests()
    victim = sorted((corpus.folder / "out").glob("quality-*.parquet"))[0]
    victim.write_bytes(b"PAR1 no more")
    corpus.extract()
    assert corpus.digests() == digests
