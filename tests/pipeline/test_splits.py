"""Splits are functions of salt and group; a group stands in one split unless the corpus has too few."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.splits import Splits, assign_splits, hash_share, official_splits, text_group
from schemas.params import IngestParams, Section, SplitName, load_params


class OnlyIngest(Section):
    """The block under test, from the params.yaml in git."""

    ingest: IngestParams


def ingest_params(**changes: object) -> IngestParams:
    given_params = load_params(Path(__file__).resolve().parents[2] / "params.yaml", OnlyIngest).ingest
    return given_params.model_copy(update={"validation_share": 0.08, "test_share": 0.12, **changes})


def ids(n: int) -> list[str]:
    return [f"c/s/{i}" for i in range(n)]


def test_case_marks_and_spacing_do_not_make_another_sentence() -> None:
    assert text_group("  What, NOW?! ") == text_group("what now") != text_group("what then")


def test_hash_shares_are_spread_evenly() -> None:
    shares = [hash_share(f"sentence {i}", "salt") for i in range(5000)]
    assert min(shares) >= 0
    assert max(shares) < 1
    for limit in (0.1, 0.5, 0.9):
        assert abs(sum(share < limit for share in shares) / 5000 - limit) < 0.03


def test_shares_of_many_groups_are_the_wanted_ones() -> None:
    names = assign_splits(ids(5000), ids(5000), ingest_params()).names
    assert abs(names.count("test") / 5000 - 0.12) < 0.02
    assert abs(names.count("validation") / 5000 - 0.08) < 0.02


@given(st.lists(st.integers(0, 12), min_size=3, max_size=40), st.integers(0, 50))
def test_a_group_stands_in_one_split_and_no_wanted_split_is_empty(numbers: list[int], salt: int) -> None:
    groups = [f"group {number}" for number in numbers]
    splits = assign_splits(groups, ids(len(groups)), ingest_params(split_salt=str(salt)))
    assert set(splits.names) == {"train", "validation", "test"}
    assert splits.forced_to_utterance == (len(set(groups)) < 3)
    if not splits.forced_to_utterance:
        assert all(len({s for g, s in zip(groups, splits.names, strict=True) if g == group}) == 1 for group in groups)


@given(st.permutations(range(8)))
def test_order_of_utterances_does_not_matter(order: list[int]) -> None:
    groups = [f"g{i % 5}" for i in range(8)]
    straight = dict(zip(ids(8), assign_splits(groups, ids(8), ingest_params()).names, strict=True))
    shuffled = assign_splits([groups[i] for i in order], [ids(8)[i] for i in order], ingest_params()).names
    assert straight == {ids(8)[i]: split for i, split in zip(order, shuffled, strict=True)}


def test_new_utterances_move_no_other() -> None:
    before = assign_splits(ids(200), ids(200), ingest_params()).names
    assert assign_splits(ids(300), ids(300), ingest_params()).names[:200] == before


def test_train_is_never_empty_even_where_shares_leave_nothing_for_it() -> None:
    for n in (1, 2, 3, 50):
        assert "train" in assign_splits(ids(n), ids(n), ingest_params(validation_share=0.5, test_share=0.5)).names


def test_split_that_is_not_wanted_stays_empty() -> None:
    names = assign_splits(ids(4), ids(4), ingest_params(validation_share=0.0)).names
    assert set(names) == {"train", "test"}


def test_one_speaker_split_by_speaker_is_torn_and_says_so() -> None:
    splits = assign_splits(["c/s"] * 30, ids(30), ingest_params())
    assert splits.forced_to_utterance
    assert set(splits.names) == {"train", "validation", "test"}


def test_nothing_splits_into_nothing() -> None:
    assert assign_splits([], [], ingest_params()).names == ()


def own_of(texts: list[str], parts: dict[str, SplitName]) -> list[SplitName | None]:
    return [parts[text[0]] for text in texts]


TEXTS = [f"{part} sentence {number % 40}" for part in "abc" for number in range(80)]
PARTS: dict[str, SplitName] = {"a": "train", "b": "validation", "c": "test"}


def test_whole_official_partition_is_taken_as_it_stands() -> None:
    own = own_of(TEXTS, PARTS)
    assert official_splits(own, TEXTS, ids(240), ingest_params()) == Splits(tuple(own), False)


@given(st.sampled_from(["validation", "test"]), st.integers(0, 20))
def test_split_that_the_corpus_lacks_is_carved_from_train_alone_and_shares_no_sentence(absent: SplitName, salt: int) -> None:
    parts: dict[str, SplitName] = {key: "train" if part == absent else part for key, part in PARTS.items()}
    own = own_of(TEXTS, parts)
    splits = official_splits(own, TEXTS, ids(240), ingest_params(split_salt=str(salt)))
    assert splits is not None
    assert set(splits.names) == {"train", "validation", "test"}
    assert not splits.forced_to_utterance
    assert all(new == old for new, old in zip(splits.names, own, strict=True) if old != "train")
    assert len(set(zip(TEXTS, splits.names, strict=True))) == len(set(TEXTS))


def test_split_that_is_not_wanted_is_not_carved() -> None:
    own = own_of(TEXTS, {"a": "train", "b": "train", "c": "test"})
    assert official_splits(own, TEXTS, ids(240), ingest_params(validation_share=0.0)) == Splits(tuple(own), False)


def test_part_of_a_partition_or_one_without_train_is_none() -> None:
    assert official_splits([None, "train"], ["a", "b"], ids(2), ingest_params()) is None
    assert official_splits(["test", "validation"], ["a", "b"], ids(2), ingest_params()) is None
    assert official_splits([], [], [], ingest_params()) is None
