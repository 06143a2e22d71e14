"""The showcase's table: every emotion, every intensity, mixes; only what is asked differs."""

from collections import Counter

import pytest

from schemas.errors import TableError
from schemas.params import ShowcaseParams
from workflows.dataset import Vocabulary
from workflows.showcase import requests, sentences

VOCABULARY = Vocabulary(("c",), ("a", "sil"), ("c/1", "c/2"), ("angry", "neutral", "sad"))
PARAMS = ShowcaseParams(sentences=2, ladder_emotions=1, intensities=[0.0, 1.0, 2.0], mixes=6)


PHONES = ("a", "sil")


def row(text: str, n_phones: int, name: str = "1", split: str = "test", phone: str = "a") -> dict[str, object]:
    return {"utterance_id": f"c/{name}/{text}", "text": text, "phones": [phone] * n_phones, "language": "de", "split": split}


def test_each_text_is_taken_once_the_shortest_first():
    rows = [row("long", 9), row("short", 3, "2"), row("short", 4, "1"), row("middle", 5)]
    assert [(one["text"], one["utterance_id"]) for one in sentences(rows, PHONES, 2)] == [("short", "c/2/short"), ("middle", "c/1/middle")]


def test_sentences_with_phones_that_the_model_lacks_make_room_for_those_of_other_splits():
    rows = [row("odd", 2, phone="z"), row("heard", 7, split="train"), row("checked", 9, split="validation"), row("new", 8)]
    assert [one["text"] for one in sentences(rows, PHONES, 2)] == ["new", "checked"]


def test_features_that_the_model_does_not_know_say_what_to_do():
    with pytest.raises(TableError, match="train on these features again"):
        sentences([row("what it never heard", 2, phone="z")], PHONES, 2)


def test_sets_have_the_sizes_that_the_parameters_say_and_ids_are_unique():
    made = requests([row("one", 3), row("two", 4)], VOCABULARY, PARAMS)
    assert Counter(one["set"] for one in made) == {"grid": 6, "ladder": 3, "mix": 2}
    assert len({one["request_id"] for one in made}) == len(made)
    assert {(one["text"], one["emotion"]) for one in made if one["set"] == "grid"} == {
        (t, e) for t in ("one", "two") for e in VOCABULARY.emotions
    }


def test_within_a_ladder_only_intensity_differs():
    ladder = [one for one in requests([row("one", 3)], VOCABULARY, PARAMS) if one["set"] == "ladder"]
    assert [one.pop("intensity") for one in ladder] == [0.0, 1.0, 2.0]
    assert len({tuple(map(str, (one | {"request_id": ""}).values())) for one in ladder}) == 1


def test_mixes_are_halves_and_changes_of_emotions_that_are_not_neutral():
    assert [one["emotion"] for one in requests([row("one", 3)], VOCABULARY, PARAMS) if one["set"] == "mix"] == [
        "angry:0.5,sad:0.5",
        "angry > sad",
    ]
