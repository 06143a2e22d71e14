"""Digests of values, and choices by hash."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline import fingerprints
from pipeline.digests import digest, lowest_hashed


def test_a_digest_is_of_the_values_and_not_of_the_order_of_keys():
    assert digest({"a": 1, "b": [2.5, None]}, "ü") == digest({"b": [2.5, None], "a": 1}, "ü")
    assert len({digest(), digest(1), digest("1"), digest([1]), digest(1, 1)}) == 5


@given(st.lists(st.text(), unique=True, max_size=30), st.text(), st.integers(0, 20))
def test_one_item_more_changes_one_of_the_chosen_at_most(names: list[str], new: str, size: int):
    before, after = (set(lowest_hashed(among, size, str)) for among in (names, {*names, new}))
    assert len(before) == min(size, len(names))
    assert len(before - after) <= 1


def test_measures_are_taken_again_when_their_code_or_what_they_are_taken_from_changes(monkeypatch):
    parts, alignment = {"pitch": "p"}, {"phones": [], "duration_s": 1.0}
    before = fingerprints.measures_of(parts, alignment)
    assert fingerprints.measures_of({"pitch": "q"}, alignment) != before != fingerprints.measures_of(parts, alignment | {"duration_s": 2.0})
    monkeypatch.setattr(fingerprints, "MEASURES_VERSION", fingerprints.MEASURES_VERSION + 1)
    assert fingerprints.measures_of(parts, alignment) != before
