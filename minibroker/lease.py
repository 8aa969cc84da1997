"""A lease: one delivery of a message, for a while, under a receipt.

Idea      The receipt names the lease, not the message: the message's id and how often
          it was ever received. So the receipt of a worker that slept too long does not
          fit the lease of the worker that has the message now.
Not here  Who gets a lease, and what ends it (work_queue.py).
Source    Amazon SQS Developer Guide, "Queue and message identifiers", receipt handle.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from minibroker.arguments import text
from minibroker.errors import InvalidArgument
from minibroker.message import Message


class Lease(NamedTuple):
    """One delivery: this message is yours until `until` (seconds on the queue's clock).

    `receive_count` is 1 at the first delivery. `receipt` is what ack, nack, reject and
    extend want back.
    """

    message: Message
    receipt: str
    receive_count: int
    until: float
    consumer: str = ""


new_lease: Callable[[tuple[Any, ...]], Lease] = partial(tuple.__new__, Lease)  # see new_message


def receipt_for(message: Message, receive_count: int) -> str:
    """ "7.2": message 7, received for the second time in its life (redrive starts no new count here)."""
    past = message.past_receives
    return f"{message.id}.{past + receive_count}"


def message_id_of(receipt: str) -> int:
    """7, of "7.2". InvalidArgument if `receipt` cannot have been one."""
    text("receipt", receipt)
    head, dot, tail = receipt.partition(".")
    if not (dot and len(receipt) <= 40 and receipt.isascii() and head.isdigit() and tail.isdigit()):
        raise InvalidArgument(f"a receipt looks like '7.2' (message id, receive count); got {receipt[:40]!r}")
    return int(head)
