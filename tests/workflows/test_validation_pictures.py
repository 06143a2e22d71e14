"""Pictures of validation utterances: which are drawn, which are kept, and that they change with the model alone."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from PIL import Image

from model.tts import Tts
from pipeline.shards import shard_paths
from tests.model.tiny_model import CONFIG
from tests.workflows.synthetic_features import N_MELS
from workflows.batches import InShards
from workflows.dataset import Example, Vocabulary, read_statistics, read_vocabulary
from workflows.training_log import Curve
from workflows.validation_pictures import Pictures, kept_steps

Corpus = tuple[list[Example], Vocabulary]


@pytest.fixture(scope="module")
def corpus(folders: tuple[Path, Path]) -> Corpus:
    features, normalise = folders
    vocabulary = read_vocabulary(normalise)
    held_out = InShards(shard_paths(features / "toy"), "validation", N_MELS, vocabulary, read_statistics(normalise))
    return held_out.read(np.arange(len(held_out))), vocabulary


@pytest.fixture
def curve(tmp_path: Path) -> Iterator[Curve]:
    curve = Curve(tmp_path, {})
    yield curve
    curve.close()


def test_a_new_curve_keeps_the_pictures_and_drops_the_points(tmp_path: Path, corpus: Corpus) -> None:
    first = Curve(tmp_path, {})
    first.add("train", 10, {"prior": 1.0})
    picture(first, "u", 10)
    first.close()
    second = Curve(tmp_path, {})
    assert [path.stem for path in second.images()] == ["10"]
    assert list(tmp_path.rglob("*.tsv")) == []
    second.close()


def of(curve: Curve, corpus: Corpus, n: int, first_step: int = 0) -> Pictures:
    return Pictures(curve, *corpus, n_utterances=n, every_steps=10, first_step=first_step, hop_s=0.01)


def picture(curve: Curve, name: str, step: int) -> None:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    curve.add_image(f"{name}/{step}.png", buffer.getvalue())


def model_of(seed: int) -> Tts:
    torch.manual_seed(seed)
    return Tts(CONFIG)


def test_the_same_weights_give_the_same_picture_and_others_another(curve: Curve, corpus: Corpus) -> None:
    pictures = of(curve, corpus, 1)
    for step, seed in ((10, 0), (20, 1), (30, 0)):
        pictures.draw(model_of(seed), step)
    # The title names the step: the rows of pixels below the last one's title are the sampled mel and its axis.
    first, other, again = (imread(path)[-100:] for path in curve.images())
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_utterances_are_spread_over_emotions(curve: Curve, corpus: Corpus) -> None:
    assert {example.emotion for example in of(curve, corpus, 2).examples.values()} == {1, 2}
    assert len(of(curve, corpus, 16).examples) == len(corpus[0])


def test_none_asked_for_draws_none(curve: Curve, corpus: Corpus) -> None:
    of(curve, corpus, 0).draw(model_of(0), 10)
    assert curve.images() == []


def test_a_start_removes_pictures_of_later_steps_and_of_other_utterances(curve: Curve, corpus: Corpus) -> None:
    for name in of(curve, corpus, 2).examples:
        for step in (10, 20):
            picture(curve, name, step)
    chosen = of(curve, corpus, 1, first_step=10).examples
    assert [(path.parent.name, path.stem) for path in curve.images()] == [(name, "10") for name in chosen]


@given(st.integers(1, 500), st.integers(1, 50), st.integers(1, 400))
def test_few_pictures_are_kept_and_a_stop_on_the_way_changes_none(n: int, every: int, stop: int) -> None:
    def seen(until: int, kept: set[int]) -> set[int]:
        for step in range(max(kept, default=0) + every, until * every + 1, every):
            kept = kept_steps(kept | {step}, every)
        return kept

    straight = seen(n, set())
    assert len(straight) <= 9
    assert n * every in straight
    assert seen(n, seen(min(stop, n), set())) == straight
