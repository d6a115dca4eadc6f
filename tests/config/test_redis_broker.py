"""A worker that cannot tell Redis of a settled message asks for the next one all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from kombu.transport.redis import Channel

from tests.servers.private import free_port


@pytest.fixture
def channel() -> Any:
    """What a channel has for its messages; nobody listens at its address."""

    @contextmanager
    def connection(client: Any = None) -> Iterator[redis.Redis]:
        yield redis.Redis(port=free_port(), retry=None)

    return SimpleNamespace(
        conn_or_acquire=connection, do_restore=False, unacked_key="unacked", unacked_index_key="unacked_index"
    )


@pytest.mark.parametrize("verb", ["ack", "reject"])
def test_a_message_that_redis_cannot_be_told_of_leaves_room_for_the_next(channel: Any, verb: str) -> None:
    messages = Channel.QoS(channel, prefetch_count=1)
    messages._delivered["one"] = object()
    assert not messages.can_consume()
    with pytest.raises(redis.ConnectionError):
        getattr(messages, verb)("one")
    assert messages.can_consume()
