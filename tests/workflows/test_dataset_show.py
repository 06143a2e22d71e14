"""Pictures of utterances: the same choice for the same seed, and clear words for what cannot be drawn."""

import io
import json

import numpy as np
import pytest
import yaml
from PIL import Image

from schemas.errors import TableError
from tests.workflows.made_up_project import HOP, RATE_HZ, write_project
from workflows.dataset_show import MAX_SHOWN, choose, draw
from workflows.dataset_version import Version


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    root = tmp_path_factory.mktemp("project")
    write_project(root, spoken=False)
    (root / "params.yaml").write_text(yaml.safe_dump({"corpora": {"toy": {}}}))
    clock = {"durations": {"params": {"frames": {"hop_samples": HOP, "sample_rate_hz": RATE_HZ}}}}
    (root / "data/extract/toy/recipe.json").write_text(json.dumps(clock))
    return Version(root)


def test_choice_follows_the_seed_alone_and_begins_with_what_was_named(version: Version):
    (named,) = choose(version, [], 1, seed=5)
    chosen = choose(version, [named], 10, seed=1)
    assert chosen == choose(version, [named], 10, seed=1) != choose(version, [named], 10, seed=2)
    assert chosen[0] == named
    assert len(set(chosen)) == 11
    assert len(choose(version, [], MAX_SHOWN, seed=1)) == MAX_SHOWN


def test_more_utterances_make_a_taller_picture(version: Version):
    one, three = (Image.open(io.BytesIO(draw(version, choose(version, [], n, seed=1)))) for n in (1, 3))
    assert three.height == pytest.approx(3 * one.height, rel=0.01)
    assert np.asarray(three.convert("L")).std() > 20  # not blank


def test_what_cannot_be_drawn_is_told_with_the_next_action(version: Version):
    rejects = version.table("data/align/toy/rejects.parquet", ["utterance_id", "reason"]).to_pylist()
    with pytest.raises(TableError, match=f"align rejected it as {rejects[0]['reason']}"):
        choose(version, [rejects[0]["utterance_id"]], 0, seed=1)
    with pytest.raises(TableError, match=r"no utterance 'nobody'.*--random"):
        choose(version, ["nobody"], 0, seed=1)
    for n in (0, MAX_SHOWN + 1):
        with pytest.raises(TableError, match=f"{n} utterances to draw"):
            choose(version, [], n, seed=1)
