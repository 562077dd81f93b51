"""A worker's request that gives its place back, also when its broker does not hear that it is done."""

from celery.worker.request import Request
from kombu.transport import virtual


class Doorbell(Request):
    """A doorbell in hand.

    A broker that hangs at the moment of the acknowledgement leaves the connection as it is. Celery then
    logs the failure and counts the message as in hand from then on: after one for each process, the worker
    takes no other until it is started anew. The broker may bring the message again; bells may double.
    """

    def acknowledge(self) -> None:
        """Acknowledge, or forget the message where that fails."""
        super().acknowledge()
        channel = self.message.channel
        if not self.message.acknowledged and isinstance(channel, virtual.Channel):
            virtual.QoS.ack(channel.qos, self.message.delivery_tag)
