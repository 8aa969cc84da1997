"""Dead letters: the record of a death, and the way back.

Idea      A dead-letter queue is an ordinary queue. What makes its messages dead letters
          is the record that they carry. Redrive moves them back, each to the queue that
          it came from, by default; the record stays, as history, so that a message
          that was redriven without a cure comes back with a 2 on it.
Not here  When a message dies (work_queue.py).
Source    RabbitMQ documentation, "Dead Letter Exchanges" (x-death: one entry a (queue,
          reason), the newest first). Amazon SQS API Reference, StartMessageMoveTask
          (without a destination, each message to its original source).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from minibroker.arguments import whole_number
from minibroker.errors import InvalidArgument
from minibroker.message import Death, Message, Reason

if TYPE_CHECKING:
    from minibroker.work_queue import WorkQueue


def with_death(
    message: Message, *, queue: str, reason: Reason, at: float, receive_count: int, error: str = ""
) -> Message:
    """`message` with this death as its newest: counted up if it died there for that reason before."""
    death = Death(queue, reason, 1, first_at=at, last_at=at, receive_count=receive_count, error=error)
    others = []
    for earlier in message.deaths:
        if (earlier.queue, earlier.reason) == (queue, reason):
            death = replace(death, count=earlier.count + 1, first_at=earlier.first_at)
        else:
            others.append(earlier)
    return replace(message, deaths=(death, *others))


def leave(message: Message, receive_count: int) -> Message:
    """`message` as it leaves a queue that delivered it `receive_count` times.

    The next queue counts its receives from 1 again. Receipts count on: else the receipt of a worker
    that slept through death and redrive would fit the new lease, and its late ack would remove a
    message that somebody else is at.
    """
    return replace(message, past_receives=message.past_receives + receive_count) if receive_count else message


def origin(message: Message, *, held_by: str) -> str | None:
    """The queue in which `message`, now in queue `held_by`, died last; None if it was sent here directly."""
    return next((death.queue for death in message.deaths if death.queue != held_by), None)


def redrive(
    source: "WorkQueue",
    *,
    now: float,
    find: Callable[[str], "WorkQueue"],
    to: str | None = None,
    limit: int | None = None,
    match: Callable[[Message], bool] | None = None,
) -> dict[int, "WorkQueue"]:
    """Move dead letters out of `source`, the first ones first: message id -> the queue where it is now.

    to      the queue to move them to; None: each to its origin. A message without one stays
    limit   at most so many: redrive one, look, then the rest
    match   only those for which match(message) is true

    Only what is ready moves; what somebody has leased, to look at it, stays. `find` turns a name into
    a queue and raises if there is none: then nothing has moved. Each message gets the last place there
    and a receive count of 0. Fix the cause first: without that, redrive is a loop with a number on it.
    """
    if limit is not None:
        whole_number("limit", limit, at_least=1)
    if to == source.name:
        raise InvalidArgument(
            f"redrive from {to!r} to itself would move nothing: name another queue, or none"
        )
    target = None if to is None else find(to)
    moved: dict[int, WorkQueue] = {}
    for message in source.peek(now=now):
        if limit is not None and len(moved) == limit:
            break
        if match is not None and not match(message):
            continue
        came_from = origin(message, held_by=source.name)
        if target is not None:
            moved[message.id] = target
        elif came_from is not None:
            moved[message.id] = find(came_from)
    for message in source.withdraw(moved):
        moved[message.id].adopt(message, redriven_from=source.name)
    return moved
