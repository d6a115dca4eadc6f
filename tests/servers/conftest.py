"""The real servers of these tests."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.servers import private


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, str]]:
    """The environment variables that name the three servers. Where a program is not installed the test is skipped,
    unless HARDMINE_SERVERS_REQUIRED says that it must run."""
    for words in private.missing():
        if os.environ.get("HARDMINE_SERVERS_REQUIRED"):
            pytest.fail(f"{words}, and HARDMINE_SERVERS_REQUIRED is set.")
        pytest.skip(f"{words}: the tests on PostgreSQL, Redis and S3 are skipped")
    with ExitStack() as stack:
        place = stack.enter_context(private.directory())
        servers = (private.postgresql, private.redis_server, private.s3)
        started = [stack.enter_context(make(place / make.__name__)) for make in servers]
        yield {name: value for server in started for name, value in server.environment.items()}
