"""What can go wrong, and whether it may have happened all the same.

Idea      Every error carries a stable `code` (what a client tests, and what travels
          over HTTP) and says whether it is *definite*: did the operation surely not
          happen, or may it have? Only a definite failure may be retried without thought.
Not here  HTTP statuses (http.py): they follow from the code.
Source    Maelstrom's protocol document, "Errors": definite and indefinite.
"""

from collections.abc import Mapping
from typing import Any


class BrokerError(Exception):
    """Any refusal or failure of the broker. `str(error)` is for a person, `code` is for a program."""

    code = "broker_error"
    definite = True  # the operation surely did not happen

    @property
    def details(self) -> Mapping[str, Any]:
        """What a program wants beside the code, as JSON values; it travels with it."""
        return {}


class InvalidArgument(BrokerError, ValueError):
    """An argument has the wrong type or range, is missing, or is not known."""

    code = "invalid_argument"


class NoSuchQueue(BrokerError, LookupError):
    """No queue has this name. Queues are created before use, so that a typo cannot swallow messages."""

    code = "no_such_queue"


class QueueExists(BrokerError):
    """A queue of this name exists already, with other settings (the same settings again are no error)."""

    code = "queue_exists"


class StaleReceipt(BrokerError):
    """The lease that this receipt stood for is over: its time ran out, or it was acked or given back before.

    Somebody else may hold the message now, so the ack, nack or extend has *not* been done. For a worker
    that is no emergency but a fact of at-least-once delivery: its handler ran, and may run again
    elsewhere. A retried ack, whose first answer was lost, gets it too. (Amazon SQS may let a delete with
    an old receipt succeed in silence; we say it aloud.)
    """

    code = "stale_receipt"


class QueueFull(BrokerError):
    """The queue holds as many messages as it may, and its overflow policy is to refuse."""

    code = "queue_full"


class StorageFailed(BrokerError):
    """What was asked for could not be written down, so it has *not* been done: the disk is full, or broken.

    All that was answered before is safe. The broker goes on as soon as writing succeeds again.
    """

    code = "storage_failed"

    @classmethod
    def because(cls, error: Exception, where: str) -> "StorageFailed":
        """In words, with the system's own reason."""
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return cls(
            f"{where} could not be written: {reason}. Nothing of this operation was kept, and nothing "
            f"that was answered before is lost. Make room, and do it again"
        )


class StorageInUse(BrokerError):
    """Another broker has this path open. Two would overwrite each other."""

    code = "storage_in_use"


class NoSuchTopic(BrokerError, LookupError):
    """No topic has this name, or the topic has no partition of this number."""

    code = "no_such_topic"


class TopicExists(BrokerError):
    """A topic of this name exists already, with other settings (the same settings again are no error)."""

    code = "topic_exists"


class OffsetOutOfRange(BrokerError, LookupError):
    """This offset is not in the log: retention deleted it, or it was never written.

    `earliest` is the first offset that there is, `latest` the one that the next record will get. Going
    on at either is a decision: the first repeats or skips what retention took, the second skips it all.
    """

    code = "offset_out_of_range"

    def __init__(self, message: str, *, earliest: int = 0, latest: int = 0) -> None:
        super().__init__(message)
        self.earliest, self.latest = earliest, latest

    @property
    def details(self) -> Mapping[str, Any]:
        return {"earliest": self.earliest, "latest": self.latest}


class OutOfOrderSequence(BrokerError):
    """An idempotent producer's number is not the next one: something before it was lost."""

    code = "out_of_order_sequence"


class FencedMember(BrokerError):
    """The group does not know this member (any more): it was silent for too long, or it left.

    Others have its partitions now, so what it asked for has *not* been done. It may join again; what
    it did since its last commit is done again by its successor. (Kafka: UNKNOWN_MEMBER_ID.)
    """

    code = "fenced_member"


class StaleGeneration(BrokerError):
    """The group has moved on to another generation: this member's partitions may be in other hands.

    The commit has *not* been done. Join again. The fence protects the commit, not the effect: what the
    member wrote elsewhere meanwhile stands, unless that place checks the generation too. (Kafka:
    ILLEGAL_GENERATION.)
    """

    code = "stale_generation"


class GroupNotEmpty(BrokerError):
    """A group's offsets can be reset only while nobody is in it, or its members would not hear of it."""

    code = "group_not_empty"


class Unsupported(BrokerError):
    """This engine does not have that capability (engines/capabilities.py). It has *not* been done.

    `engine` and `capability` are names; the message says why, and what to do instead.
    """

    code = "unsupported"

    def __init__(self, message: str, *, engine: str = "", capability: str = "") -> None:
        super().__init__(message)
        self.engine, self.capability = engine, capability

    @property
    def details(self) -> Mapping[str, Any]:
        return {"engine": self.engine, "capability": self.capability}


class EngineMissing(BrokerError, ImportError):
    """The library of this engine is not installed; the message says how to install it."""

    code = "engine_missing"


class IllegalMove(BrokerError):
    """A message cannot make this move from its state. If a caller sees it, minibroker has a bug."""

    code = "illegal_move"


class BrokerFault(BrokerError):
    """The broker failed while it was at it: a bug or a broken disk, not a refusal. Indefinite."""

    code = "broker_fault"
    definite = False


class BrokerUnreachable(BrokerError, ConnectionError):
    """Nobody listens there: the request was never delivered. Definite. Raised on the client's side."""

    code = "broker_unreachable"


class NoAnswer(BrokerError, TimeoutError):
    """The request went out and no (whole) answer came back: it may have been done, or not. Indefinite.

    A `send` that ends so may have been stored; sending again may store a second message.
    """

    code = "no_answer"
    definite = False


TRY_AGAIN = (BrokerUnreachable, NoAnswer, BrokerFault, StorageFailed)  # it may be over the next time

_BY_CODE: dict[str, type[BrokerError]] = {
    error.code: error
    for error in (
        BrokerError,
        InvalidArgument,
        NoSuchQueue,
        QueueExists,
        StaleReceipt,
        QueueFull,
        StorageFailed,
        StorageInUse,
        NoSuchTopic,
        TopicExists,
        OffsetOutOfRange,
        OutOfOrderSequence,
        FencedMember,
        StaleGeneration,
        GroupNotEmpty,
        Unsupported,
        EngineMissing,
        IllegalMove,
        BrokerFault,
        BrokerUnreachable,
        NoAnswer,
    )
}


def error_from_code(code: str, message: str, details: Mapping[str, Any] | None = None) -> BrokerError:
    """The typed error for a `code` that came over the wire; one from a newer broker becomes a BrokerFault."""
    kind = _BY_CODE.get(code, BrokerFault)
    if kind is OffsetOutOfRange and details:
        return OffsetOutOfRange(message, earliest=details.get("earliest", 0), latest=details.get("latest", 0))
    return kind(message)
