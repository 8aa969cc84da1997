"""The log's operations as they travel: JSON values in, JSON values out.

Idea      As for queues (operations.py): one table of functions is the protocol, and the
          arguments of an operation are the parameters of its function. Offsets of several
          partitions are an object, {"0": 12, "3": 4}, since JSON's keys are strings.
Not here  Ranges and types of most arguments: the core checks those.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from minibroker.errors import InvalidArgument
from minibroker.group_offsets import GroupOffsets
from minibroker.group_settings import GroupSettings
from minibroker.operations import check_names

if TYPE_CHECKING:
    from minibroker.log_broker import LogBroker

Json = dict[str, Any]


async def perform(logs: "LogBroker", topic: str, operation: str, arguments: Any) -> Json:
    """Do `operation` on `topic`. InvalidArgument if there is none such, or not with these arguments."""
    if operation not in LOG_OPERATIONS:
        raise InvalidArgument(f"no operation {operation[:40]!r}; there are: {', '.join(LOG_OPERATIONS)}")
    if not isinstance(arguments, dict):
        raise InvalidArgument(
            f"the arguments of {operation} are a JSON object; got a {type(arguments).__name__}"
        )
    function = LOG_OPERATIONS[operation]
    check_names(operation, function, arguments)
    return await function(logs, topic, **arguments)


async def _append(
    logs: "LogBroker",
    topic: str,
    *,
    key: Any,
    value: Any,
    headers: Any = None,
    partition: Any = None,
    producer: Any = None,
    sequence: Any = None,
) -> Json:
    """The answer is where it is, not the value again."""
    record = logs.append(
        topic, key, value, headers=headers, partition=partition, producer=producer, sequence=sequence
    )
    return {"partition": record.partition, "offset": record.offset, "timestamp": record.timestamp}


async def _append_many(
    logs: "LogBroker",
    topic: str,
    *,
    records: Any,
    partition: Any = None,
    producer: Any = None,
    sequence: Any = None,
) -> Json:
    """`records` are [key, value] or [key, value, headers]; the answer says {partition: [first, end]}."""
    written = logs.append_many(topic, records, partition=partition, producer=producer, sequence=sequence)
    return {"offsets": {str(number): [got.start, got.stop] for number, got in written.items()}}


async def _fetch(
    logs: "LogBroker", topic: str, *, offsets: Any, max_records: Any = 500, wait: Any = 0.0
) -> Json:
    wanted = _by_partition(offsets)
    records = await logs.fetch(topic, wanted, max_records=max_records, wait=wait)
    return {"records": [record.to_json() for record in records]}


async def _offset(logs: "LogBroker", topic: str, *, partition: Any, to: Any = None, time: Any = None) -> Json:
    """The offset of `to` "earliest" or "latest", or of the first record written at `time` or later."""
    return {"offset": GroupOffsets(logs.find).resolve(topic, partition, to=to, time=time)}


async def _describe(logs: "LogBroker", topic: str) -> Json:
    return {"partitions": [asdict(partition) for partition in logs.find(topic).snapshot().partitions]}


async def _producer(logs: "LogBroker", topic: str) -> Json:
    logs.find(topic)
    return {"producer": logs.new_producer()}


async def _join(
    logs: "LogBroker",
    topic: str,
    *,
    group: Any,
    member: Any,
    assignor: Any = "range",
    session_timeout: Any = 45.0,
    rebalance_timeout: Any = 300.0,
) -> Json:
    joined = logs.group(topic, group)
    now = logs.now()
    joined.advance(now)
    joined.configure(GroupSettings(assignor, session_timeout, rebalance_timeout))
    joined.join(member, [topic], now=now)
    logs.settle()
    return {}


async def _sync(logs: "LogBroker", topic: str, *, group: Any, member: Any, wait: Any = 0.0) -> Json:
    membership = await logs.sync(topic, group, member, wait=wait)
    if membership is None:
        return {"generation": None, "partitions": []}
    return {
        "generation": membership.generation,
        "partitions": [number for _, number in membership.partitions],
    }


async def _heartbeat(logs: "LogBroker", topic: str, *, group: Any, member: Any, generation: Any) -> Json:
    stable = logs.group(topic, group).heartbeat(member, generation, now=logs.now())
    logs.settle()
    return {"stable": stable}


async def _leave(logs: "LogBroker", topic: str, *, group: Any, member: Any) -> Json:
    logs.group(topic, group).leave(member, now=logs.now())
    logs.settle()
    return {}


async def _commit(
    logs: "LogBroker", topic: str, *, group: Any, member: Any, generation: Any, offsets: Any
) -> Json:
    positions = {(topic, number): offset for number, offset in _by_partition(offsets).items()}
    logs.group(topic, group).commit(member, generation, positions, now=logs.now())
    logs.settle()
    return {}


async def _committed(logs: "LogBroker", topic: str, *, group: Any) -> Json:
    offsets = logs.group(topic, group).offsets
    numbers = range(len(logs.find(topic).partitions))
    return {"offsets": {str(number): offsets.committed(topic, number) for number in numbers}}


async def _lag(logs: "LogBroker", topic: str, *, group: Any) -> Json:
    return {"lag": [lag.to_json() for lag in logs.group(topic, group).lag(topic, now=logs.now())]}


async def _reset(
    logs: "LogBroker",
    topic: str,
    *,
    group: Any,
    partition: Any = None,
    to: Any = None,
    time: Any = None,
    offset: Any = None,
) -> Json:
    chosen = logs.group(topic, group).reset(
        topic, now=logs.now(), partition=partition, to=to, time=time, offset=offset
    )
    return {"offsets": {str(number): position for number, position in chosen.items()}}


LOG_OPERATIONS: dict[str, Callable[..., Awaitable[Json]]] = {
    "append": _append,
    "append_many": _append_many,
    "fetch": _fetch,
    "offset": _offset,
    "describe": _describe,
    "producer": _producer,
    "join": _join,
    "sync": _sync,
    "heartbeat": _heartbeat,
    "leave": _leave,
    "commit": _commit,
    "committed": _committed,
    "lag": _lag,
    "reset": _reset,
}
LOOKS = ("fetch", "offset", "describe", "committed", "lag")  # operations that change nothing
WAITING = ("fetch", "sync")  # operations that take `wait`


def _by_partition(offsets: Any) -> dict[int, int]:
    """{"0": 12} as {0: 12}."""
    if not isinstance(offsets, dict) or not offsets:
        raise InvalidArgument(f'offsets is an object like {{"0": 12}}; got {str(offsets)[:80]!r}')
    for number in offsets:
        if not (isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 10):
            raise InvalidArgument(f"a partition is a whole number; got {str(number)[:40]!r}")
    return {int(number): offset for number, offset in offsets.items()}
