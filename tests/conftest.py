"""Fixtures that several test modules share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"

settings.register_profile("no timing", deadline=None)  # a busy machine is no defect
settings.load_profile("no timing")


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Address of one real local cluster with two worker processes, which `map_batches` uses for the whole session."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as local:
        before = os.environ.get("ESPRESSIVO_SCHEDULER")
        os.environ["ESPRESSIVO_SCHEDULER"] = local.scheduler_address
        yield local.scheduler_address
        if before is None:
            del os.environ["ESPRESSIVO_SCHEDULER"]
        else:
            os.environ["ESPRESSIVO_SCHEDULER"] = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real speech; tests that ask for it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real speech is not beside this checkout (../shared/data)")
    return SHARED_DATA
