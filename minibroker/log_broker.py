"""Topics and groups by name, and readers that wait for them: the log's half of a broker.

Idea      As for queues, a shell adds three things to the rules: the clock, read once an
          operation; a line of readers that wait for the next record, or for the end of a
          rebalance; and one alarm for cleanings and silent members.
Groups    are kept by topic and name: here a group reads one topic. (The core, like Kafka, lets
          a group read several.) A group is made by its first member.
Journal   Topics and groups tell it what must outlive the process, and the broker adds which topics
          there are; restore() takes each fact back (log_facts.py).
Not here  The rules (topic.py, consumer_group.py), JSON arguments (log_operations.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from minibroker import log_operations
from minibroker.arguments import from_json, seconds, to_json, topic_name
from minibroker.consumer_group import ConsumerGroup
from minibroker.errors import InvalidArgument, NoSuchTopic, TopicExists
from minibroker.group_members import Membership
from minibroker.log_client import Topic
from minibroker.log_facts import Fact, Journal
from minibroker.partition import Observer
from minibroker.record import Record
from minibroker.retention import Cleanup
from minibroker.topic import TopicLog, settings
from minibroker.topic_snapshot import TopicSnapshot
from minibroker.waiting import Alarm, WaitingLine


class LogBroker:
    """All topics and groups of one broker, in one event loop. `clock` and `observer` as Broker's.

    `journal(fact)` is called for each fact that must outlive the process; None costs nothing.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        observer: Observer | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._journal = journal
        self._topics: dict[str, TopicLog] = {}
        self._groups: dict[tuple[str, str], ConsumerGroup] = {}
        self._readers: dict[str, WaitingLine] = {}  # by topic: for its next record
        self._barriers: dict[tuple[str, str], WaitingLine] = {}  # by group: for the end of a rebalance
        self._producers = 0  # ids that were given
        self._alarm = Alarm(clock, self._sweep)
        self._closed = False

    # -- names ----------------------------------------------------------------------------------------

    def create_topic(self, name: str, *, partitions: int = 1, **cleanup: Any) -> Topic:
        """Make a topic. `cleanup` are the fields of Cleanup, seconds: retention, compact, and so on.

        The same name with the same settings again is no error; with others it is TopicExists.
        """
        unknown = cleanup.keys() - set(Cleanup.__slots__)
        if unknown:
            raise InvalidArgument(
                f"create_topic does not know {', '.join(sorted(unknown))}; it takes partitions, "
                f"{', '.join(Cleanup.__slots__)}"
            )
        made = self._new_topic(name, partitions=partitions, **cleanup)
        existing = self._topics.get(name)
        if existing is None:
            self._topics[name] = made
            self._write_down(["topic", name, settings(made)])
        elif settings(existing) != settings(made):
            raise TopicExists(
                f"topic {name!r} exists with {settings(existing)}; asked for {settings(made)}. "
                f"Use it as it is, or choose another name"
            )
        return self.topic(name)

    def names(self) -> list[str]:
        """The names of all topics, sorted."""
        return sorted(self._topics)

    def snapshots(self) -> list[TopicSnapshot]:
        """Each topic in numbers, by name. Nothing is cleaned for it."""
        return [self._topics[name].snapshot() for name in self.names()]

    def topic(self, name: str, *, consumer: str = "") -> Topic:
        """The client of a topic in this process. It speaks JSON values like any other, and gets copies."""
        self.find(name)
        return Topic(name, self._call_with_copies, consumer=consumer)

    def find(self, name: str, *, now: float | None = None) -> TopicLog:
        """The topic of that name, cleaned if that was due; or NoSuchTopic. `now`: who knows it may say it."""
        topic = self._topics.get(name) if isinstance(name, str) else None
        if topic is None:
            raise NoSuchTopic(
                f"no topic {str(name)[:80]!r}; there are: {', '.join(self.names()) or 'none yet'}"
            )
        topic.advance(self._clock() if now is None else now)
        return topic

    def group(self, topic: str, name: str) -> ConsumerGroup:
        """The group of that name on `topic`; made now, with the defaults, if there is none yet."""
        self.find(topic)
        return self._group(topic, topic_name(name))

    def _group(self, topic: str, name: str) -> ConsumerGroup:
        key = (topic, name)
        if key not in self._groups:
            self._groups[key] = ConsumerGroup(name, self.find, observer=self._observer, journal=self._journal)
            self._barriers.setdefault(key, WaitingLine())
        return self._groups[key]

    def groups(self) -> list[tuple[str, str]]:
        """(topic, name) of all groups, sorted."""
        return sorted(self._groups)

    def new_producer(self) -> str:
        """An id that no producer of this broker had before."""
        self._producers += 1
        self._write_down(["producers", self._producers])
        return f"p{self._producers}"

    async def call(self, topic: str, operation: str, arguments: Any) -> dict[str, Any]:
        """Do one operation: JSON values in, JSON values out (log_operations.py has the table)."""
        return await log_operations.perform(self, topic, operation, arguments)

    def close(self) -> None:
        """Stop the timer and send waiting readers home. What is written stays; no fetch waits any more."""
        self._closed = True
        self._alarm.stop()
        for line in [*self._readers.values(), *self._barriers.values()]:
            line.dissolve()

    # -- a journal: all that it holds, and back -------------------------------------------------------

    def facts(self) -> Iterator[Fact]:
        """What a journal must know to make all topics and groups anew, and no more."""
        yield ["producers", self._producers]
        for name in self.names():
            yield from self._topics[name].facts()
        for key in sorted(self._groups):
            yield from self._groups[key].facts()

    def things(self) -> int:
        """How many records the facts speak of, for a journal that asks whether it is worth beginning anew."""
        return sum(len(partition) for topic in self._topics.values() for partition in topic.partitions)

    def forget(self) -> None:
        """Know nothing, as if made anew: a journal could not be written. Who waits goes on waiting."""
        self._alarm.stop()
        self._topics.clear()
        self._groups.clear()
        self._producers = 0

    def restore(self, fact: Fact) -> None:
        """Take back what a journal was told, fact by fact in order. Nothing is observed, or written down."""
        kind, name = fact[0], fact[1]
        if kind == "producers":
            self._producers = name
        elif kind in ("generation", "committed") and name in self._topics:
            self._group(name, fact[2]).restore(fact)
        elif name in self._topics:
            self._topics[name].restore(fact)
        elif kind == "topic":
            self._topics[name] = self._new_topic(name, **fact[2])
        else:
            raise InvalidArgument(f"no fact of a topic that is here: {str(fact)[:80]}")

    def _new_topic(self, name: str, *, partitions: int, **cleanup: Any) -> TopicLog:
        return TopicLog(
            name,
            partitions=partitions,
            cleanup=Cleanup(**cleanup),
            observer=self._observer,
            journal=self._journal,
        )

    def _write_down(self, fact: Fact) -> None:
        if self._journal is not None:
            self._journal(fact)

    # -- what needs more than the rules: waking and waiting ----------------------------------------------

    def now(self) -> float:
        """Seconds on the broker's clock."""
        return self._clock()

    def append(
        self,
        topic: str,
        key: str | None,
        value: Any,
        *,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        """Write a record (see TopicLog.append); readers that wait get it at once."""
        now = self._clock()
        log = self.find(topic, now=now)
        record = log.append(
            key, value, now=now, headers=headers, partition=partition, producer=producer, sequence=sequence
        )
        self._grown(log)
        return record

    def append_many(self, topic: str, records: Iterable[Any], **options: Any) -> dict[int, range]:
        """Write a batch (see TopicLog.append_many): partition -> the offsets that its records got."""
        now = self._clock()
        log = self.find(topic, now=now)
        offsets = log.append_many(records, now=now, **options)
        self._grown(log)
        return offsets

    async def fetch(
        self, topic: str, offsets: Mapping[int, int], *, max_records: int = 500, wait: float = 0.0
    ) -> list[Record]:
        """Up to `max_records` from these offsets (partition -> offset), partition by partition in this order.

        If there is nothing yet, wait up to `wait` seconds for the first record.
        """

        def attempt() -> list[Record]:
            log, found = self.find(topic), list[Record]()
            for partition, offset in offsets.items():
                records = log.fetch(partition, offset, max_records=max_records)
                found += records[: max_records - len(found)]
            return found

        self.find(topic)
        line = self._readers.setdefault(topic, WaitingLine())
        return await line.first(attempt, wait=0.0 if self._closed else seconds("wait", wait))

    async def sync(self, topic: str, group: str, member: str, *, wait: float = 0.0) -> Membership | None:
        """What `member` owns; wait up to `wait` seconds for the others to join. None: not yet."""

        def attempt() -> Membership | None:
            try:
                return self.group(topic, group).sync(member, now=self._clock())
            finally:
                self.settle()

        wait = seconds("wait", wait)
        self.group(topic, group)
        return await self._barriers[topic, group].first(attempt, wait=0.0 if self._closed else wait)

    def settle(self) -> None:
        """Set the alarm for what falls due next, and wake who waits for a rebalance that is over."""
        if self._closed:
            return
        for owner in self._owners():
            self._alarm.no_later_than(owner.next_deadline())
        for key, line in self._barriers.items():
            if len(line) and (key not in self._groups or self._groups[key].state == "stable"):
                line.wake(len(line))

    def _grown(self, log: TopicLog) -> None:
        """There is something new: who waits for it looks again."""
        if line := self._readers.get(log.name):
            line.wake(len(line))
        due = log.next_deadline()
        if due is not None and due < self._alarm.at and not self._closed:
            self._alarm.no_later_than(due)

    def _sweep(self) -> None:
        """The alarm rang: clean what is to be cleaned, give up who was silent."""
        now = self._clock()
        try:
            for owner in self._owners():
                owner.advance(now)
        finally:
            self.settle()

    def _owners(self) -> list[TopicLog | ConsumerGroup]:
        return [*self._topics.values(), *self._groups.values()]

    async def _call_with_copies(
        self, topic: str, operation: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        result = await self.call(topic, operation, from_json(to_json(arguments)))
        copy: dict[str, Any] = from_json(to_json(result))
        return copy
