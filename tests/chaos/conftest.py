"""A PostgreSQL and a Redis of our own, which the tests may kill."""

from collections.abc import Iterator

import pytest
from tests.chaos.clusters import Cluster, cluster
from tests.redises import Server, redis_program, redis_server

__all__ = ["redis_program", "redis_server"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """For the tests of this process, each of which makes a database of its own."""
    with cluster() as made:
        yield made


@pytest.fixture
def shared(postgres: Cluster, redis_server: Server) -> dict[str, object]:
    """Settings of several processes."""
    return {"database": postgres.database(), "redis": {"url": redis_server.url}}
