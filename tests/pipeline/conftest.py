"""Fixtures that several test modules of the pipeline share."""

from collections.abc import Iterator

import pytest

from tests.s3 import Store


@pytest.fixture
def store(server: Store) -> Iterator[Store]:
    """The module's `server` without faults or counts of earlier tests."""
    server.proxy.reset()
    yield server
    server.proxy.reset()
