"""Redis as a broker that may go away while workers are at work."""

from typing import Any

from kombu.transport import redis, virtual


class SteadyQoS(redis.QoS):
    """A message is out of this worker's hands when it has settled it, whether or not Redis can be told so.

    Kombu's own keeps counting it where Redis is away just then: a worker that may have no more in hand than that one
    asks for no message any more, so never notices that the connection is lost, and rests until it is started again.
    What Redis was not told of it gives out once more after an hour; the work is done then, and begins nothing.
    """

    def ack(self, delivery_tag: Any) -> None:
        virtual.QoS.ack(self, delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        virtual.QoS.ack(self, delivery_tag)
        super().reject(delivery_tag, requeue)
