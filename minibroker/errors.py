"""What can go wrong, and whether it may have happened all the same.

Idea      Every error carries a stable `code` (what a client tests, and what travels
          over HTTP) and says whether it is *definite*: did the operation surely not
          happen, or may it have? Only a definite failure may be retried without thought.
Not here  HTTP statuses (http.py): they follow from the code.
Source    Maelstrom's protocol document, "Errors": definite and indefinite.
"""


class BrokerError(Exception):
    """Any refusal or failure of the broker. `str(error)` is for a person, `code` is for a program."""

    code = "broker_error"
    definite = True  # the operation surely did not happen


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


_BY_CODE: dict[str, type[BrokerError]] = {
    error.code: error
    for error in (
        BrokerError,
        InvalidArgument,
        NoSuchQueue,
        QueueExists,
        StaleReceipt,
        QueueFull,
        IllegalMove,
        BrokerFault,
        BrokerUnreachable,
        NoAnswer,
    )
}


def error_from_code(code: str, message: str) -> BrokerError:
    """The typed error for a `code` that came over the wire; one from a newer broker becomes a BrokerFault."""
    return _BY_CODE.get(code, BrokerFault)(message)
