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

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from minibroker.arguments import whole_number
from minibroker.delivery_states import State
from minibroker.errors import InvalidArgument
from minibroker.message import Death, Message, Reason
from minibroker.settings import Overflow

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
    return message._replace(deaths=(death, *others))


def leave(message: Message, receive_count: int) -> Message:
    """`message` as it leaves a queue that delivered it `receive_count` times.

    The next queue counts its receives from 1 again. Receipts count on: else the receipt of a worker
    that slept through death and redrive would fit the new lease, and its late ack would remove a
    message that somebody else is at.
    """
    if not receive_count:
        return message
    return message._replace(past_receives=message.past_receives + receive_count)


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

    Only what is ready moves; what somebody has leased, to look at it, stays, and its group with it.
    What finds no room in a queue that refuses when full stays, too. `find` turns a name into a queue and
    raises if there is none: then nothing has moved. Each message gets the last place there (so a group
    keeps its order, behind what went on without it), a receive count of 0 and the ttl of that queue.
    Fix the cause first: without that, redrive is a loop with a number on it.
    """
    if limit is not None:
        whole_number("limit", limit, at_least=1)
    if to == source.name:
        raise InvalidArgument(
            f"redrive from {to!r} to itself would move nothing: name another queue, or none"
        )
    target = None if to is None else find(to)
    held = {m.group for s in (State.IN_FLIGHT, State.DELAYED) for m in source.peek(now=now, state=s)}
    moved: dict[int, WorkQueue] = {}
    arriving: Counter[str] = Counter()
    for message in source.peek(now=now):
        if limit is not None and len(moved) == limit:
            break
        if message.group is not None and message.group in held:
            continue
        if match is not None and not match(message):
            continue
        came_from = origin(message, held_by=source.name)
        goes_to = target or (find(came_from) if came_from is not None else None)
        if goes_to is not None and _has_room(goes_to, more_than=arriving[goes_to.name]):
            moved[message.id] = goes_to
            arriving[goes_to.name] += 1
    for message in source.withdraw(moved, now=now):
        moved[message.id].adopt(message, now=now, redriven_from=source.name)
    return moved


def _has_room(queue: "WorkQueue", *, more_than: int) -> bool:
    room = queue.room()
    return room is None or queue.settings.overflow != Overflow.REJECT or room > more_than
