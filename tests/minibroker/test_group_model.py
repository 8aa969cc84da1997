"""A consumer group against a model that shares no idea with it.

The model lives through every second, one after the other, and keeps its members in a plain table; it
knows no deadlines, no table of moves, and no assignor. What it holds the group to is what readers rely
on: in one generation a partition has one owner, each partition has one, nobody commits from a generation
that is over, and a generation is never given twice, not even by a broker that was restarted in between.
"""

import json
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from minibroker import ConsumerGroup, FencedMember, GroupNotEmpty, InvalidArgument, StaleGeneration, TopicLog
from minibroker.assignment import ASSIGNORS
from minibroker.group_states import GroupState

SESSION, REBALANCE = 6, 4
names = st.sampled_from(["a", "b", "c", "d"])
topics = st.sampled_from([["orders"], ["orders"], ["mails", "orders"], ["mails"]])
places = st.tuples(st.sampled_from(["orders", "mails"]), st.integers(0, 5))


@dataclass
class Reader:
    """What the model believes of one member."""

    topics: list[str]
    heard: float | None  # the last sign of life; None: it came in during this barrier
    back: bool  # has joined since the barrier went up


class GroupModel(RuleBasedStateMachine):
    @initialize(assignor=st.sampled_from(sorted(ASSIGNORS)))
    def build(self, assignor: str) -> None:
        self.now = 0
        self.assignor = assignor
        self.logs = {name: TopicLog(name, partitions=n) for name, n in (("orders", 4), ("mails", 1))}
        for log in self.logs.values():
            for number in range(len(log.partitions)):
                log.append_many([("k", n) for n in range(5)], now=0, partition=number)
        self.journal: list[str] = []
        self.real = self.new_group()
        self.readers: dict[str, Reader] = {}
        self.barrier: int | None = None  # when it went up
        self.generation = 0
        self.shared = {"orders": 0, "mails": 0}  # partitions of the topics when they were shared out
        self.owners: dict[tuple[int, str, int], str] = {}  # generation, topic, partition -> who was told so
        self.committed: dict[tuple[str, int], int] = {}
        self.told: list[tuple[str, int]] = []  # every (member, generation) that anybody was ever told

    def new_group(self) -> ConsumerGroup:
        return ConsumerGroup(
            "billing",
            self.logs.__getitem__,
            assignor=self.assignor,
            session_timeout=SESSION,
            rebalance_timeout=REBALANCE,
            journal=lambda fact: self.journal.append(json.dumps(fact)),
        )

    # -- the model's own moves

    def sizes(self) -> dict[str, int]:
        return {name: len(log.partitions) for name, log in self.logs.items()}

    def raise_barrier(self) -> None:
        if self.barrier is None:
            self.barrier = self.now
            for reader in self.readers.values():
                reader.back = False

    def share_out_if_all_are_back(self) -> None:
        if self.readers and all(reader.back for reader in self.readers.values()):
            self.barrier = None
            self.generation += 1
            self.shared = self.sizes()
            for reader in self.readers.values():
                reader.heard = self.now

    def is_late(self, reader: Reader) -> bool:
        if self.barrier is not None and reader.back:
            return False
        silent = reader.heard is not None and self.now >= reader.heard + SESSION
        return silent or (self.barrier is not None and self.now >= self.barrier + REBALANCE)

    def give_up(self, gone: list[str]) -> None:
        for name in gone:
            del self.readers[name]
        if not self.readers:
            self.barrier = None
        elif gone:
            self.raise_barrier()
            self.share_out_if_all_are_back()

    def read_topics(self) -> set[str]:
        return {topic for reader in self.readers.values() for topic in reader.topics}

    def notice_growth(self) -> None:
        grown = any(self.sizes()[topic] != self.shared[topic] for topic in self.read_topics())
        if self.readers and self.barrier is None and grown:
            self.raise_barrier()

    def refusal(self, name: str, generation: int | None) -> type[Exception] | None:
        if name not in self.readers:
            return FencedMember
        return StaleGeneration if generation not in (None, self.generation) else None

    # -- the same move on both sides

    @rule(name=names, topics=topics)
    def join(self, name: str, topics: list[str]) -> None:
        self.real.join(name, topics, now=self.now)
        known = self.readers.get(name)
        if known and known.back and self.barrier is not None and known.topics == topics:
            return  # said twice
        self.raise_barrier()
        self.readers[name] = Reader(topics, known.heard if known else None, back=True)
        self.share_out_if_all_are_back()

    @rule()
    def all_come_back_and_read_on(self) -> None:
        """As each consumer's next poll would have it."""
        for name in sorted(self.readers):
            if not self.readers[name].back:
                self.join(name, self.readers[name].topics)
        for name in sorted(self.readers):
            self.sync(name)

    @rule(name=names)
    def sync(self, name: str) -> None:
        refused = self.refusal(name, None)
        if refused is None and not self.readers[name].back:
            refused = StaleGeneration
        if refused is not None:
            with pytest.raises(refused):
                self.real.sync(name, now=self.now)
            return
        membership = self.real.sync(name, now=self.now)
        if self.barrier is not None:
            assert membership is None
            return
        assert membership is not None
        assert (membership.member, membership.generation) == (name, self.generation)
        for topic, partition in membership.partitions:
            assert topic in self.readers[name].topics
            assert self.owners.setdefault((self.generation, topic, partition), name) == name
        self.told.append((name, self.generation))
        self.readers[name].heard = self.now

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        """In any generation that this member was ever told: most are over."""
        name, generation = data.draw(st.sampled_from(self.told[-8:]))
        refused = self.refusal(name, generation)
        if refused is not None:
            with pytest.raises(refused):
                self.real.heartbeat(name, generation, now=self.now)
            return
        assert self.real.heartbeat(name, generation, now=self.now) == (self.barrier is None)
        self.readers[name].heard = self.now

    @precondition(lambda self: self.told)
    @rule(data=st.data(), offsets=st.dictionaries(places, st.integers(0, 6), min_size=1, max_size=2))
    def commit(self, data: st.DataObject, offsets: dict[tuple[str, int], int]) -> None:
        name, generation = data.draw(st.sampled_from(self.told[-8:]))
        refused = self.refusal(name, generation)
        mine = {(t, p) for (g, t, p), owner in self.owners.items() if (g, owner) == (generation, name)}
        if refused is None and (not offsets.keys() <= mine or any(o > 5 for o in offsets.values())):
            refused = InvalidArgument
        if refused is not None:
            with pytest.raises(refused):
                self.real.commit(name, generation, offsets, now=self.now)
            return
        self.real.commit(name, generation, offsets, now=self.now)
        self.committed |= offsets
        self.readers[name].heard = self.now

    @rule(name=names)
    def leave(self, name: str) -> None:
        if name not in self.readers:
            with pytest.raises(FencedMember):
                self.real.leave(name, now=self.now)
            return
        self.real.leave(name, now=self.now)
        self.give_up([name])

    @rule(topic=st.sampled_from(["orders", "mails"]), offset=st.integers(0, 5))
    def reset(self, topic: str, offset: int) -> None:
        if self.readers:
            with pytest.raises(GroupNotEmpty):
                self.real.reset(topic, offset=offset, partition=0, now=self.now)
            return
        assert self.real.reset(topic, offset=offset, partition=0, now=self.now) == {0: offset}
        self.committed[topic, 0] = offset

    @rule(seconds=st.sampled_from([1, 1, 2, 3, 7]))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.give_up([name for name, reader in self.readers.items() if self.is_late(reader)])
        self.real.advance(self.now)
        self.notice_growth()

    @precondition(lambda self: self.sizes()["orders"] < 6)
    @rule()
    def grow(self) -> None:
        orders = self.logs["orders"]
        orders.grow(len(orders.partitions) + 1)
        orders.append_many([("k", n) for n in range(5)], now=self.now, partition=len(orders.partitions) - 1)
        self.real.advance(self.now)
        self.notice_growth()

    @precondition(lambda self: len(self.told) % 4 == 3)  # rarely, or no group would live long
    @rule(compacted=st.booleans())
    def restart(self, compacted: bool) -> None:
        """The broker forgets who was there, and nothing else."""
        written = [json.dumps(fact) for fact in self.real.facts()] if compacted else self.journal
        self.journal = []
        self.real = self.new_group()
        for fact in written:
            self.real.restore(json.loads(fact))
        assert self.journal == []
        self.journal = written
        self.readers, self.barrier = {}, None

    # -- what must hold after each of them

    @invariant()
    def the_group_is_as_the_model_has_it(self) -> None:
        states = {True: GroupState.EMPTY, False: GroupState.STABLE if self.barrier is None else None}
        expected = states[not self.readers] or GroupState.PREPARING_REBALANCE
        assert (self.real.state, self.real.generation) == (expected, self.generation)
        assert sorted(self.real.members) == sorted(self.readers)
        assert dict(self.real.offsets.all()) == self.committed
        for (topic, partition), offset in self.committed.items():
            assert self.real.offsets.committed(topic, partition) == offset

    @invariant()
    def in_a_stable_group_each_partition_has_one_owner_who_wants_it(self) -> None:
        if self.real.state is not GroupState.STABLE:
            return
        owned = [place for places in self.real.members.values() for place in places]
        there_are = [(t, n) for t in sorted(self.read_topics()) for n in range(self.shared[t])]
        assert sorted(owned) == there_are
        for name, mine in self.real.members.items():
            assert {topic for topic, _ in mine} <= set(self.readers[name].topics)
            for topic, partition in mine:
                assert self.owners.setdefault((self.generation, topic, partition), name) == name


TestGroupModel = GroupModel.TestCase
TestGroupModel.settings = settings(stateful_step_count=40)


@pytest.mark.soak
class TestGroupModelForLong(GroupModel.TestCase):
    settings = settings(settings.get_profile("soak"), stateful_step_count=80)
