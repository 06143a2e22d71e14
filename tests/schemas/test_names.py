"""A name that does not exist comes with the nearest that does."""

from schemas.names import unknown


def test_the_nearest_is_named_and_what_there_is():
    assert unknown("emotion", "hapy", ["angry", "happy"]) == "no emotion 'hapy'; did you mean 'happy'? there are: angry, happy"


def test_nothing_near_names_what_there_is_alone():
    assert unknown("emotion", "x", ["angry"]) == "no emotion 'x'; there are: angry"
    assert unknown("emotion", "x", []) == "no emotion 'x'; there are: none"


def test_a_long_list_is_cut():
    assert unknown("utterance", "x", [f"u{n}" for n in range(25)]).endswith("u19 and 5 more")
