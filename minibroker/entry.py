"""What a queue knows of a message while it holds it.

Idea      The message is a value and stays as it was sent; where it stands, who has it and
          until when is the queue's knowledge, and goes when the message goes.
Not here  The moves (work_queue.py), and which of them are legal (delivery_states.py).
"""

import math
from dataclasses import dataclass

from minibroker.delivery_states import State
from minibroker.lease import Lease
from minibroker.message import Message


@dataclass(slots=True, eq=False)
class Entry:
    """One message in one queue. Times are seconds on the queue's clock."""

    message: Message
    place: int  # given when it came in, kept until it leaves: the smaller, the nearer the head
    state: State
    expires_at: float = math.inf  # the end of its time to live
    receive_count: int = 0
    deadline: float = 0.0  # the end of the lease or delay that runs now, or ran last
    receipt: str = ""  # of its last lease
    consumer: str = ""  # who had that
    error: str = ""  # the last reason that a nack gave

    def lease(self) -> Lease:
        """Its last lease, as a value."""
        return Lease(self.message, self.receipt, self.receive_count, self.deadline, self.consumer)


def why_stale(entry: Entry | None, message_id: int, *, queue: str) -> str:
    """Why an old receipt of this message no longer fits, as a clause."""
    if entry is None:
        return f"message {message_id} has left queue {queue!r} (acked, dead-lettered or redriven)"
    if entry.state is State.IN_FLIGHT:
        holder = f" to {entry.consumer}" if entry.consumer else ""
        return f"message {message_id} is now leased{holder} as {entry.receipt}, until t={entry.deadline:g}s"
    return f"message {message_id} is {entry.state} again: its lease ended or it was given back"
