"""Laws that hold for every adapter, each on a tree with its corpus's real file names."""

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from pipeline.corpora import ADAPTERS
from pipeline.corpora.coded import CodedNames
from pipeline.corpora.emotions import canonical_emotion
from pipeline.corpora.listing import Listing, list_corpus
from pipeline.ingest import IngestStageParams, run
from schemas.params import AdapterName, CorpusParams, load_params
from schemas.tables.rejects import REJECTS
from schemas.tables.utterances import EMOTIONS, GENDERS, SPLITS, UTTERANCES
from tests.conftest import PROJECT
from tests.pipeline.corpora_trees import TREES, CorpusTree

NAMES = sorted(TREES)
CODED = sorted(name for name, adapter in ADAPTERS.items() if isinstance(adapter, CodedNames))


def corpus_params(name: AdapterName, language: str) -> CorpusParams:
    return CorpusParams(adapter=name, root="", language=language, aligner="textgrid", textgrid_dir=".", table=None)


def build(root: Path, tree: CorpusTree, order: int = 0) -> Path:
    """The tree on disk; its files are made in an order of their own."""
    files = [*((path, None) for path in (*tree.audio, *tree.ignored)), *tree.texts.items()]
    random.Random(order).shuffle(files)
    for path, text in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"audio" if text is None else text.encode())
    return root


def listed(root: Path, name: AdapterName, tree: CorpusTree) -> Listing:
    return list_corpus("c", corpus_params(name, tree.language), root, ADAPTERS[name])


def test_every_adapter_has_a_tree_of_real_names() -> None:
    assert set(TREES) == set(ADAPTERS)
    assert len(CODED) > 8


@pytest.mark.parametrize("name", NAMES)
def test_real_names_give_what_the_corpus_means(tmp_path: Path, name: AdapterName) -> None:
    tree = TREES[name]
    listing = listed(build(tmp_path, tree), name, tree)
    found = {key: (c.text, c.emotion, c.emotion_label, c.gender, c.intensity, c.split) for key, c in listing.candidates.items()}
    assert found == tree.found
    assert {key: error.reason for key, error in listing.faults.items()} == tree.faults


@pytest.mark.parametrize("name", NAMES)
def test_every_audio_file_is_a_candidate_a_fault_or_counted_as_ignored(tmp_path: Path, name: AdapterName) -> None:
    tree = TREES[name]
    listing = listed(build(tmp_path, tree), name, tree)
    assert (listing.n_audio_files, listing.n_ignored) == (len(tree.audio), len(tree.ignored))
    paths = {candidate.audio_path for candidate in listing.candidates.values()}
    assert len(paths) == len(listing.candidates)
    assert paths <= set(tree.audio)
    assert len(listing) >= listing.n_audio_files
    assert not listing.candidates.keys() & listing.faults.keys()


@pytest.mark.parametrize("name", NAMES)
def test_listing_does_not_depend_on_the_order_of_files_or_on_the_place(tmp_path: Path, name: AdapterName) -> None:
    tree = TREES[name]
    first, second = (listed(build(tmp_path / place, tree, order), name, tree) for order, place in enumerate(("a", "far/away")))
    assert list(first.candidates.items()) == list(second.candidates.items())
    assert [(key, str(error)) for key, error in first.faults.items()] == [(key, str(error)) for key, error in second.faults.items()]


@pytest.mark.parametrize("name", NAMES)
def test_all_names_are_of_the_vocabulary_and_the_corpus_s_own_label_is_kept(tmp_path: Path, name: AdapterName) -> None:
    tree = TREES[name]
    candidates = listed(build(tmp_path, tree), name, tree).candidates.values()
    assert candidates
    for candidate in candidates:
        assert candidate.emotion in EMOTIONS
        assert (candidate.emotion == "unknown") == (candidate.emotion_label == "")
        assert candidate.gender in GENDERS
        assert candidate.split in (None, *SPLITS)
        assert candidate.intensity is None or (0 <= candidate.intensity <= 1 and candidate.emotion != "neutral")


@pytest.mark.parametrize("name", CODED)
def test_tables_of_codes_are_of_the_vocabulary(name: AdapterName) -> None:
    adapter = ADAPTERS[name]
    assert isinstance(adapter, CodedNames)
    assert {"stem", "speaker"} <= adapter.path.groupindex.keys()
    assert [label for label in adapter.emotions.values() if canonical_emotion(label) == "unknown"] == []
    assert all(value is None or 0 <= value <= 1 for value in adapter.intensities.values())
    for table, group in ((adapter.emotions, "emotion"), (adapter.intensities, "intensity"), (adapter.subsets, "subset")):
        assert (group in adapter.path.groupindex) or not table


@pytest.mark.parametrize("name", NAMES)
def test_ingest_makes_a_whole_table_of_each_corpus(cluster: str, tmp_path: Path, name: AdapterName) -> None:
    tree = TREES[name]
    build(tmp_path / "root", tree)
    for path in tree.audio:
        suffix_format = {".ogg": "OGG", ".flac": "FLAC"}.get(Path(path).suffix, "WAV")
        sf.write(tmp_path / "root" / path, 0.5 * np.sin(np.arange(6000) / 8), 16000, format=suffix_format)
    params = load_params(PROJECT / "params.yaml", IngestStageParams).ingest.model_copy(
        update={"max_reject_share": 1.0, "split_by": "official"}
    )
    run("c", corpus_params(name, tree.language), params, tmp_path / "root", tmp_path / "out", tmp_path / "m.json")
    utterances, rejects = (pq.read_table(tmp_path / f"out/{table}.parquet") for table in ("utterances", "rejects"))
    UTTERANCES.check(utterances)
    REJECTS.check(rejects)
    assert set(utterances.column("utterance_id").to_pylist()) == set(tree.found)
    assert dict(zip(rejects.column("utterance_id").to_pylist(), rejects.column("reason").to_pylist(), strict=True)) == tree.faults
    kept = dict(zip(utterances.column("utterance_id").to_pylist(), utterances.column("emotion_label").to_pylist(), strict=True))
    assert kept == {key: fields[2] for key, fields in tree.found.items()}
