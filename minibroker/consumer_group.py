"""A consumer group: readers that share a topic's partitions, and cover for each other.

Idea      Each partition has one owner at a time. When a member comes, leaves or falls silent,
          the partitions are shared out anew, and the group's *generation* counts up. Each
          commit says its generation: one from before is refused. So a member that slept
          through a rebalance (a zombie) cannot set its successor back.
Barrier   First everybody must join again, and by that say that they have stopped reading; who
          does not within rebalance_timeout is given up. Only then is there a new
          assignment. (Kafka's classic, eager protocol; a member learns of it by heartbeat.)
Time      `now` is handed in; every call first does what fell due by then: a session that
          lasts until t is over at t. next_deadline() says when to call advance().
Journal   Generations and commits are told to `journal` (log_facts.py), members are not.
Not here  Sharing out (assignment.py), sessions (group_members.py), what a refusal says
          (fencing.py), offsets and lag (group_offsets.py), the table of moves
          (group_states.py), waiting (log_broker.py), positions between commits: a reader's
          own (topic_consumer.py).
Source    Kafka documentation, "Design", "The Consumer"; KIP-62. Defaults are the Java
          client's. Differences: a member names itself (as with group.instance.id), and
          joining again under a name takes its place in a new generation; the first
          rebalance does not wait 3 s for others; a commit for a partition that the member
          does not own is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minibroker import fencing
from minibroker.arguments import topic_name, whole_number
from minibroker.assignment import ASSIGNORS, TopicPartition, by_topic, in_words
from minibroker.errors import FencedMember, GroupNotEmpty, InvalidArgument, StaleGeneration
from minibroker.group_members import Member, Members, Membership
from minibroker.group_offsets import GroupOffsets, Lags
from minibroker.group_settings import GroupSettings
from minibroker.group_states import GroupEvent, GroupState, next_state
from minibroker.log_facts import Fact, Journal
from minibroker.markup import table
from minibroker.partition import Observer
from minibroker.topic import TopicLog


class ConsumerGroup:
    """Members, generations and committed offsets of one group.

    `find` gives the topic of a name, or NoSuchTopic; the settings are GroupSettings', seconds. The `observer`
    sees (None costs nothing):

    | kind         | data                                                                                |
    |--------------|-------------------------------------------------------------------------------------|
    | `joined`     | group, member, topics                                                               |
    | `left`       | group, member, why: "leave", "session_timeout" or "rebalance_timeout"               |
    | `rebalanced` | group, generation, assignment: {member: {topic: [partition numbers]}}               |
    | `committed`  | group, member, generation, topic, partition, offset; a reset has member None        |
    | `fenced`     | group, member, generation, operation, why: "fenced_member" or "stale_generation"    |
    """

    def __init__(
        self,
        name: str,
        find: Callable[[str], TopicLog],
        *,
        observer: Observer | None = None,
        journal: Journal | None = None,
        **settings: Any,
    ) -> None:
        self.name = topic_name(name)
        self.settings = GroupSettings(**settings)
        self.state = GroupState.EMPTY
        self.generation = 0
        self.offsets = GroupOffsets(find)
        self._find = find
        self._observer = observer
        self._journal = journal
        self._members = Members()
        self._sizes: dict[str, int] = {}  # partitions of each topic, when they were last shared out
        self._topics: set[str] = set()  # all that it ever read

    @property
    def members(self) -> dict[str, tuple[TopicPartition, ...]]:
        """Who is in it, and what each owns (in a rebalance: owned before)."""
        return self._members.owned()

    def __repr__(self) -> str:
        return f"ConsumerGroup({self.name!r}, {self.state}, generation={self.generation})"

    def _repr_html_(self) -> str:
        """A notebook shows who owns what. Looking gives nobody up, even if it is time to."""
        rows = [(name, in_words(owns)) for name, owns in self.members.items()]
        caption = f"Group {self.name}: {self.state}, generation {self.generation}"
        return table(caption, ("member", "owns"), rows)

    def configure(self, settings: GroupSettings) -> None:
        """What a member comes with: the first one's settings are taken, the others must say the same."""
        if self._members:
            self.settings.must_be(settings, self.name)
        self.settings = settings

    # -- the life of a member, in order ------------------------------------------------------------

    def join(self, member: str, topics: list[str], *, now: float) -> None:
        """Come in, or come back for a rebalance. Ask sync() for what you own, once all are back.

        In a stable group each join begins a rebalance, so do not join "to be sure": heartbeat.
        """
        topic_name(member)
        if not isinstance(topics, list) or not topics:
            raise InvalidArgument(f"topics is a list of one or more names; got {str(topics)[:80]!r}")
        for topic in topics:
            self._find(topic)
        self.advance(now)
        entry = self._members.setdefault(member, Member(frozenset(topics)))
        if self.state is GroupState.PREPARING_REBALANCE and entry.joined and entry.topics == set(topics):
            return  # a retry
        self._rebalance(GroupEvent.JOIN, now)
        entry.topics, entry.joined = frozenset(topics), True
        self._observe("joined", member=member, topics=sorted(topics))
        self._complete_if_all_are_back(now)

    def sync(self, member: str, *, now: float) -> Membership | None:
        """What `member` owns in the new generation; None while others are still being waited for."""
        entry = self._known(member, None, "sync", now)
        if not entry.joined:
            raise self._fenced(fencing.not_back_yet(member, self.name), member, None, "sync")
        if self.state is not GroupState.STABLE:
            return None
        entry.session_ends = now + self.settings.session_timeout
        return Membership(member, self.generation, entry.owns)

    def heartbeat(self, member: str, generation: int, *, now: float) -> bool:
        """I live. True: go on. False: a rebalance has begun; commit what you have done and join again."""
        entry = self._known(member, generation, "heartbeat", now)
        entry.session_ends = now + self.settings.session_timeout
        return self.state is GroupState.STABLE

    def commit(
        self, member: str, generation: int, offsets: Mapping[TopicPartition, int], *, now: float
    ) -> None:
        """Store the *next* offset to read of each partition; all of them or, on an error, none.

        Also a sign of life. Still possible while a rebalance is being prepared: that is what the time
        before joining again is for.
        """
        entry = self._known(member, generation, "commit", now)
        for (topic, partition), offset in offsets.items():
            if (topic, partition) not in entry.owns:
                raise InvalidArgument(
                    f"{member!r} owns {in_words(entry.owns)}, and not {topic}/{partition}, "
                    f"in generation {generation}"
                )
            self.offsets.check(topic, partition, offset)
        entry.session_ends = now + self.settings.session_timeout
        for (topic, partition), offset in offsets.items():
            self._store(topic, partition, offset, member=member, generation=generation)

    def leave(self, member: str, *, now: float) -> None:
        """Go, and let the others share what was yours at once, not only after session_timeout."""
        self._known(member, None, "leave", now)
        self._remove({member: "leave"}, now)

    # -- offsets without a member --------------------------------------------------------------------

    def reset(
        self,
        topic: str,
        *,
        now: float,
        partition: int | None = None,
        to: str | None = None,
        time: float | None = None,
        offset: int | None = None,
    ) -> dict[int, int]:
        """Set the group's offsets of a topic (of one partition, or of all): partition -> offset.

        To "earliest" (a replay), "latest" (skip it all), a `time` (the first record not older) or an
        `offset`. GroupNotEmpty while there are members, who would not hear of it.
        """
        self.advance(now)
        if self._members:
            raise GroupNotEmpty(
                f"group {self.name!r} has members ({', '.join(sorted(self._members))}): stop them first, "
                f"or let each seek for itself"
            )
        chosen = self.offsets.resolve_all(topic, partition, to=to, time=time, offset=offset)
        for number, position in chosen.items():
            self._store(topic, number, position, member=None, generation=self.generation)
        return chosen

    def lag(self, topic: str, *, now: float) -> Lags:
        """How far behind the end the group is, for each partition of `topic`."""
        return self.offsets.lags(topic, now=now)

    # -- time ----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what fell due by `now`, in order: members that were silent are given up."""
        while (due := self.next_deadline()) is not None and due <= now:
            self._remove(self._members.late(due), due)
        if self.state is GroupState.STABLE and self._sizes != self._sizes_now():
            self._rebalance(GroupEvent.GROW, now)

    def next_deadline(self) -> float | None:
        """When the first member is given up if nothing is heard, in seconds; None if there is none."""
        return self._members.next_deadline()

    # -- a journal: what must outlive the process, and back ------------------------------------------

    def facts(self) -> Iterator[Fact]:
        """What a journal must know to make this group anew, without its members (log_facts.py)."""
        yield from self._generation_facts()
        for (topic, partition), offset in self.offsets.all():
            yield ["committed", topic, self.name, partition, offset]

    def restore(self, fact: Fact) -> None:
        """Take back what a journal was told of this group. Nothing is observed, or written down again."""
        match fact:
            case ["generation", topic, _, generation]:
                self.generation = generation
                self._topics.add(topic)
            case ["committed", topic, _, partition, offset]:
                self.offsets.store(topic, partition, offset)
            case _:
                raise InvalidArgument(f"no fact of group {self.name!r}: {str(fact)[:80]}")

    def _generation_facts(self) -> list[Fact]:
        """One for each topic that the group ever read (a broker keeps its groups by topic)."""
        return [["generation", topic, self.name, self.generation] for topic in sorted(self._topics)]

    # -- the moves -------------------------------------------------------------------------------------

    def _rebalance(self, event: GroupEvent, now: float) -> None:
        """Make the move; if it ends a stable time (or begins the first), all must join again."""
        preparing = self.state is GroupState.PREPARING_REBALANCE
        self.state = next_state(self.state, event)
        if not preparing:
            self._members.raise_barrier(until=now + self.settings.rebalance_timeout)

    def _complete_if_all_are_back(self, now: float) -> None:
        if not self._members.all_are_back():
            return
        self.state = next_state(self.state, GroupEvent.COMPLETE)
        self._members.lower_barrier()
        self.generation += 1
        self._sizes = self._sizes_now()
        self._topics.update(self._sizes)
        subscriptions = {name: member.topics for name, member in self._members.items()}
        owned = ASSIGNORS[self.settings.assignor](subscriptions, self._sizes, self.members)
        for name, member in self._members.items():
            member.owns = tuple(owned[name])
            member.session_ends = now + self.settings.session_timeout
        if self._journal is not None:
            for fact in self._generation_facts():
                self._journal(fact)
        self._observe(
            "rebalanced",
            generation=self.generation,
            assignment={name: by_topic(own) for name, own in self.members.items()},
        )

    def _remove(self, leaving: Mapping[str, str], now: float) -> None:
        for name in sorted(leaving):
            del self._members[name]
        if not self._members:
            self.state = next_state(self.state, GroupEvent.EMPTIED)
            self._members.lower_barrier()
        else:
            self._rebalance(GroupEvent.DEPART, now)
        for name, why in sorted(leaving.items()):
            self._observe("left", member=name, why=why)
        if self._members:
            self._complete_if_all_are_back(now)

    def _store(self, topic: str, partition: int, offset: int, **who: Any) -> None:
        self.offsets.store(topic, partition, offset)
        if self._journal is not None:
            self._journal(["committed", topic, self.name, partition, offset])
        self._observe("committed", **who, topic=topic, partition=partition, offset=offset)

    # -- questions -------------------------------------------------------------------------------------

    def _sizes_now(self) -> dict[str, int]:
        return {topic: len(self._find(topic).partitions) for topic in self._members.topics()}

    def _known(self, name: str, generation: int | None, operation: str, now: float) -> Member:
        """The member, if it is one, and of this generation (None: of any)."""
        topic_name(name)
        if generation is not None:
            whole_number("generation", generation, at_least=0)
        self.advance(now)
        member = self._members.get(name)
        if member is None:
            session_timeout = self.settings.session_timeout
            refusal: FencedMember | StaleGeneration = fencing.out_of_the_group(
                operation, name, self.name, self._members, session_timeout=session_timeout, now=now
            )
        elif generation is not None and generation != self.generation:
            refusal = fencing.of_another_generation(
                operation, name, self.name, said=generation, generation=self.generation
            )
        else:
            return member
        raise self._fenced(refusal, name, generation, operation)

    def _fenced(
        self,
        refusal: FencedMember | StaleGeneration,
        member: str,
        generation: int | None,
        operation: str,
    ) -> FencedMember | StaleGeneration:
        self._observe("fenced", member=member, generation=generation, operation=operation, why=refusal.code)
        return refusal

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, group=self.name, **data)
