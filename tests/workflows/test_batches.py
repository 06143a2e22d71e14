"""Training batches out of shards, in any order and size, without a state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shards import shard_paths, write_table
from schemas.tables.features import features_contract
from tests.workflows.synthetic_features import N_MELS, feature_row, write_corpus
from workflows.batches import Batches, InShards
from workflows.dataset import read_statistics, read_vocabulary

N = 24


@pytest.fixture(scope="module", params=["shards", "shards of small row groups"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> InShards:
    features, normalise = write_corpus(tmp_path_factory.mktemp("toy"))
    vocabulary, statistics = read_vocabulary(normalise), read_statistics(normalise)
    if request.param != "shards":
        contract = features_contract(N_MELS)
        for number, path in enumerate(shard_paths(features / "toy")):
            rows = [feature_row(i, "train" if i < N else "validation") for i in range(N + 6)][number::2]
            write_table(path, contract.table(rows), contract, row_group_rows=4)
    return InShards(shard_paths(features / "toy"), "train", N_MELS, vocabulary, statistics)


def ids(batches: Batches, steps: range) -> list[str]:
    return [name for step in steps for name in batches.at(step).utterance_ids]


def test_only_the_split_is_read_with_its_lengths(source: InShards) -> None:
    examples = source.read(np.arange(N))
    assert len(source.n_frames) == N
    assert len({example.utterance_id for example in examples}) == N
    assert [len(example.mel_ln) for example in examples] == source.n_frames.tolist()


def test_rows_come_in_the_order_asked_for(source: InShards) -> None:
    order = np.random.default_rng(0).permutation(N)
    one_by_one = [source.read(order[at : at + 1])[0] for at in range(N)]
    assert [e.utterance_id for e in source.read(order)] == [e.utterance_id for e in one_by_one]
    assert all((a.mel_ln == b.mel_ln).all() for a, b in zip(source.read(order), one_by_one, strict=True))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 200), st.integers(1, 30), st.integers(1, 40))
def test_batches_are_a_pure_function_of_seed_and_step(source: InShards, seed: int, step: int, size: int, held: int) -> None:
    straight = Batches(source, size, held, seed)
    if step:
        straight.at(step - 1)
    first, second = straight.at(step), Batches(source, size, held, seed).at(step)
    assert first.utterance_ids == second.utterance_ids
    assert len(set(first.utterance_ids)) == min(size, N)
    assert torch.equal(first.mel_ln, second.mel_ln)


@pytest.mark.parametrize("held", [4, 9, 1000])
def test_an_epoch_takes_every_utterance_once_and_epochs_differ(source: InShards, held: int) -> None:
    batches = Batches(source, 4, held, 1)
    epochs = [ids(batches, range(6 * epoch, 6 * epoch + 6)) for epoch in range(2)]
    assert len(set(epochs[0])) == N
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]


def test_batches_hold_utterances_of_like_length(source: InShards) -> None:
    batches = Batches(source, 4, 1000, 3)
    spread = [np.ptp(batch.durations.sum(-1).numpy()) for batch in map(batches.at, range(6))]
    assert np.mean(spread) < np.ptp(source.n_frames) / 2
