"""The operations as they travel: JSON values in, JSON values out.

Idea      One table of functions is the whole protocol; the arguments of an operation are
          the parameters of its function. The HTTP shell and the client in process both
          come in here, so neither can do what the other cannot.
Not here  Ranges and types of arguments: the queue checks those (arguments.py).
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from minibroker.arguments import whole_number
from minibroker.delivery_states import State
from minibroker.errors import InvalidArgument
from minibroker.lease import Lease

if TYPE_CHECKING:
    from minibroker.broker import Broker
    from minibroker.queue_broker import QueueBroker

Json = dict[str, Any]


async def perform(broker: "QueueBroker", queue: str, operation: str, arguments: Any) -> Json:
    """Do `operation` on `queue`. InvalidArgument if there is none such, or not with these arguments."""
    if operation not in OPERATIONS:
        raise InvalidArgument(f"no operation {operation[:40]!r}; there are: {', '.join(OPERATIONS)}")
    if not isinstance(arguments, dict):
        raise InvalidArgument(
            f"the arguments of {operation} are a JSON object; got a {type(arguments).__name__}"
        )
    function = OPERATIONS[operation]
    check_names(operation, function, arguments)
    return await function(broker, queue, **arguments)


async def _create(
    broker: "QueueBroker",
    queue: str,
    *,
    visibility_timeout: Any = 30.0,
    max_receive_count: Any = None,
    dead_letter_queue: Any = None,
    ttl: Any = None,
    max_length: Any = None,
    overflow: Any = "reject",
    dedup_window: Any = 300.0,
    dedup_by_body: Any = False,
) -> Json:
    broker.create_queue(
        queue,
        visibility_timeout=visibility_timeout,
        max_receive_count=max_receive_count,
        dead_letter_queue=dead_letter_queue,
        ttl=ttl,
        max_length=max_length,
        overflow=overflow,
        dedup_window=dedup_window,
        dedup_by_body=dedup_by_body,
    )
    return {}


async def _send(
    broker: "QueueBroker",
    queue: str,
    *,
    body: Any,
    headers: Any = None,
    delay: Any = 0.0,
    ttl: Any = None,
    group: Any = None,
    dedup_id: Any = None,
) -> Json:
    message_id = broker.send(
        queue, body, headers=headers, delay=delay, ttl=ttl, group=group, dedup_id=dedup_id
    )
    return {"id": message_id}


async def _receive(
    broker: "QueueBroker",
    queue: str,
    *,
    max_messages: Any = 1,
    wait: Any = 0.0,
    visibility_timeout: Any = None,
    consumer: Any = "",
) -> Json:
    leases = await broker.receive(
        queue, max_messages=max_messages, wait=wait, visibility_timeout=visibility_timeout, consumer=consumer
    )
    return {"leases": [_lease_to_json(lease) for lease in leases]}


async def _ack(broker: "QueueBroker", queue: str, *, receipt: Any) -> Json:
    broker.ack(queue, receipt)
    return {}


async def _nack(
    broker: "QueueBroker", queue: str, *, receipt: Any, delay: Any = 0.0, reason: Any = ""
) -> Json:
    broker.nack(queue, receipt, delay=delay, reason=reason)
    return {}


async def _release(broker: "QueueBroker", queue: str, *, receipt: Any) -> Json:
    broker.release(queue, receipt)
    return {}


async def _reject(broker: "QueueBroker", queue: str, *, receipt: Any, reason: Any) -> Json:
    broker.reject(queue, receipt, reason)
    return {}


async def _extend(broker: "QueueBroker", queue: str, *, receipt: Any, timeout: Any) -> Json:
    return {"until": broker.extend(queue, receipt, timeout)}


async def _peek(broker: "QueueBroker", queue: str, *, max_messages: Any = None, state: Any = "ready") -> Json:
    if state not in tuple(State):
        raise InvalidArgument(f"no state {str(state)[:40]!r}; there are: {', '.join(State)}")
    messages = broker.peek(queue, max_messages, state=State(state))
    return {"messages": [message.to_json() for message in messages]}


async def _snapshot(broker: "QueueBroker", queue: str) -> Json:
    return broker.snapshot(queue).to_json()


async def _redrive(
    broker: "QueueBroker", queue: str, *, to: Any = None, limit: Any = None, messages: Any = None
) -> Json:
    """`messages` (a list of ids) stands for the predicate, which cannot travel."""
    if messages is None:
        moved = broker.redrive(queue, to=to, limit=limit)
    elif isinstance(messages, list):
        wanted = {whole_number("a message's id", message_id, at_least=1) for message_id in messages}
        moved = broker.redrive(queue, to=to, limit=limit, match=lambda message: message.id in wanted)
    else:
        raise InvalidArgument(f"messages is a list of message ids; got a {type(messages).__name__}")
    return {"moved": {str(message_id): name for message_id, name in moved.items()}}


async def _publish(
    broker: "Broker", *, subject: Any, body: Any, key: Any = None, headers: Any = None
) -> Json:
    return {"delivered": broker.publish(subject, body, key=key, headers=headers)}


async def _bind(broker: "Broker", *, filter: Any, queue: Any = None, topic: Any = None) -> Json:
    return {"changed": broker.bind(filter, queue=queue, topic=topic)}


async def _unbind(broker: "Broker", *, filter: Any, queue: Any = None, topic: Any = None) -> Json:
    return {"changed": broker.unbind(filter, queue=queue, topic=topic)}


ON_SUBJECTS: dict[str, Callable[..., Awaitable[Json]]] = {
    "publish": _publish,
    "bind": _bind,
    "unbind": _unbind,
}


async def on_subjects(broker: "Broker", operation: str, arguments: Any) -> Json:
    """Publish, bind or unbind; safe when it returns."""
    if not isinstance(arguments, dict):
        raise InvalidArgument(
            f"the arguments of {operation} are a JSON object; got a {type(arguments).__name__}"
        )
    function = ON_SUBJECTS[operation]
    check_names(operation, function, arguments)
    answer = await function(broker, **arguments)
    await broker.written()
    return answer


OPERATIONS: dict[str, Callable[..., Awaitable[Json]]] = {
    "create": _create,
    "send": _send,
    "receive": _receive,
    "ack": _ack,
    "nack": _nack,
    "release": _release,
    "reject": _reject,
    "extend": _extend,
    "peek": _peek,
    "snapshot": _snapshot,
    "redrive": _redrive,
}


def _lease_to_json(lease: Lease) -> Json:
    return {
        "message": lease.message.to_json(),
        "receipt": lease.receipt,
        "receive_count": lease.receive_count,
        "until": lease.until,
    }


def check_names(operation: str, function: Callable[..., Any], arguments: Json) -> None:
    """Is each argument one that the operation takes, and is none missing? Say it in words if not."""
    takes = _takes(function)
    unknown = [name[:40] for name in arguments if name not in takes]
    missing = [name for name, is_needed in takes.items() if is_needed and name not in arguments]
    if unknown or missing:
        wrong = [f"does not know {', '.join(map(repr, unknown))}"] if unknown else []
        wrong += [f"needs {', '.join(map(repr, missing))}"] if missing else []
        raise InvalidArgument(f"{operation} {' and '.join(wrong)}; it takes: {', '.join(takes) or 'nothing'}")


@cache  # to look at a signature takes longer than most operations
def _takes(function: Callable[..., Any]) -> dict[str, bool]:
    """The arguments of an operation, and whether each must be given."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default is p.empty for p in parameters if p.kind is p.KEYWORD_ONLY}
