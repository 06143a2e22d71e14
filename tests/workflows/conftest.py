"""The made-up corpus, models of it, and a training, which several test modules only read."""

from pathlib import Path

import pytest

from tests.workflows.made_up_model import Spoken, made_up_model
from tests.workflows.synthetic_features import PHONES, write_corpus
from tests.workflows.tiny_training import train


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the stages extract and normalise: 24 utterances to learn from, 6 for validation."""
    return write_corpus(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    """Few features, and a model that can say "hello"."""
    folder = tmp_path_factory.mktemp("spoken")
    features, normalise = write_corpus(folder, n_training=8, n_validation=2)
    return Spoken(features, made_up_model(folder, normalise, phones=(*PHONES, "AH", "HH", "L", "OW")))


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> Path:
    """What a training of 20 steps left."""
    root = tmp_path_factory.mktemp("unbroken")
    train(root, folders)
    return root
