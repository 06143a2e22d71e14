"""A model with each of the score networks."""

import dataclasses

import pytest

from model.tts import Tts
from tests.model.tiny_model import CONFIG, NETWORKS, awake


@pytest.fixture(params=NETWORKS)
def model(request: pytest.FixtureRequest) -> Tts:
    return awake(dataclasses.replace(CONFIG, **NETWORKS[request.param]))
