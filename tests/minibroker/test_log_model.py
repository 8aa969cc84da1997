"""A topic against a model that shares no idea with it.

The model keeps one flat list of rows and finds everything by looking through it: no offsets that
follow from a place, no times kept where they change, no hash. Which partition a key belongs to it learns
from the first record. A second witness is the journal: a topic made anew from the facts that were written
down, or from those of a topic as it stands, must be the same.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from minibroker import Cleanup, InvalidArgument, OffsetOutOfRange, OutOfOrderSequence, Record, TopicLog

CLEANUPS = {
    "by age and number": Cleanup(retention=20, retention_records=6),
    "by bytes": Cleanup(retention=None, retention_bytes=25),
    "by key": Cleanup(compact=True, delete_retention=10),
}
keys = st.sampled_from(["ada", "bob", "cyd", "ada", "bob", "cyd", None])
values = st.none() | st.integers(0, 9) | st.text("ab\u00e9", max_size=5)
headers = st.just({}) | st.dictionaries(st.sampled_from("xy"), st.just("1"), min_size=1)
records = st.tuples(keys, values, headers)
Given = tuple[str | None, Any, dict[str, str]]


@dataclass
class Row:
    """What the model believes of one record."""

    partition: int
    offset: int
    key: str | None
    value: Any
    headers: dict[str, str]
    time: int

    def bytes(self) -> int:
        fields = [self.key, self.value] + ([self.headers] if self.headers else [])
        return len(json.dumps(fields, separators=(",", ":")))


class LogModel(RuleBasedStateMachine):
    @initialize(cleanup=st.sampled_from(sorted(CLEANUPS)), partitions=st.integers(1, 3))
    def build(self, cleanup: str, partitions: int) -> None:
        self.now = 0
        self.cleanup = CLEANUPS[cleanup]
        self.journal: list[str] = []
        self.real = self.new_topic(partitions)
        self.rows: list[Row] = []
        self.starts = [0] * partitions
        self.ends = [0] * partitions
        self.home: dict[str, int] = {}  # key -> partition, as was seen
        self.turn = 0
        self.numbered: list[
            tuple[str, int, int, int, int]
        ] = []  # producer, partition, sequence, records, offset
        self.met: dict[
            tuple[int, int], int
        ] = {}  # partition, offset of a tombstone -> when a cleaning met it

    def new_topic(self, partitions: int) -> TopicLog:
        write = lambda fact: self.journal.append(json.dumps(fact))  # noqa: E731
        return TopicLog("orders", partitions=partitions, cleanup=self.cleanup, journal=write)

    # -- the model's own moves

    def write(self, partition: int, key: str | None, value: Any, headers: dict[str, str]) -> int:
        offset = self.ends[partition]
        self.rows.append(Row(partition, offset, key, value, headers, self.now))
        self.ends[partition] += 1
        return offset

    def has_no_place(self, keys_given: Iterable[str | None]) -> bool:
        return self.cleanup.compact and None in keys_given

    def mostly_with_keys(self, batch: list[Given], careless: int) -> list[Given]:
        """Where a record needs a key a whole batch would nearly always be refused."""
        if not self.cleanup.compact or careless == 0:
            return batch
        return [(key or "ada", value, extra) for key, value, extra in batch]

    def of(self, partition: int) -> list[Row]:
        return sorted((row for row in self.rows if row.partition == partition), key=lambda row: row.offset)

    def seen(self, key: str, partition: int) -> None:
        assert self.home.setdefault(key, partition) == partition

    # -- the same move on both sides: writing

    @rule(record=records, named=st.none() | st.integers(0, 2))
    def append(self, record: Given, named: int | None) -> None:
        key, value, extra = record
        named = None if named is None else named % len(self.starts)
        call = lambda: self.real.append(key, value, now=self.now, headers=extra, partition=named)  # noqa: E731
        if self.has_no_place([key]):
            with pytest.raises(InvalidArgument):
                call()
            return
        written = call()
        if named is not None:
            assert written.partition == named
        elif key is not None:
            self.seen(key, written.partition)
        else:
            assert written.partition == self.turn
            self.turn = (self.turn + 1) % len(self.starts)
        offset = self.write(written.partition, key, value, extra)
        assert written == Record(written.partition, offset, key, value, extra, self.now)

    @rule(batch=st.lists(records, max_size=5), as_lists=st.booleans(), careless=st.integers(0, 5))
    def append_many(self, batch: list[Given], as_lists: bool, careless: int) -> None:
        batch = self.mostly_with_keys(batch, careless)
        given = [record if record[2] else record[:2] for record in batch]
        call = lambda: self.real.append_many(  # noqa: E731
            [list(record) for record in given] if as_lists else given, now=self.now
        )
        if self.has_no_place([key for key, _, _ in batch]):
            with pytest.raises(InvalidArgument):
                call()
            return
        offsets = call()
        fetched = {n: self.real.fetch(n, got.start, max_records=5) for n, got in offsets.items()}
        left = {n: list(found) for n, found in fetched.items()}
        for key, value, extra in batch:
            [partition] = [n for n in left if left[n] and is_first(left[n], key, value, extra)][:1]
            left[partition].pop(0)
            self.write(partition, key, value, extra)
            if key is not None:
                self.seen(key, partition)
            else:
                assert partition == self.turn
        assert not any(left.values())
        assert offsets == {n: range(self.ends[n] - len(fetched[n]), self.ends[n]) for n in fetched}
        if None in [key for key, _, _ in batch]:
            self.turn = (self.turn + 1) % len(self.starts)

    @rule(
        producer=st.sampled_from(["p1", "p2"]),
        partition=st.integers(0, 2),
        back=st.integers(-2, 12),
        batch=st.lists(st.tuples(st.sampled_from(["ada", "bob"]), values), min_size=1, max_size=3),
    )
    def append_with_numbers(
        self, producer: str, partition: int, back: int, batch: list[tuple[str, Any]]
    ) -> None:
        """Anything from a number long past to one that leaves a gap."""
        partition %= len(self.starts)
        mine = [line for line in self.numbered if line[:2] == (producer, partition)]
        following = mine[-1][2] + mine[-1][3] if mine else 0
        sequence = max(0, following - back)
        call = lambda: self.real.append_many(  # noqa: E731
            batch, now=self.now, partition=partition, producer=producer, sequence=sequence
        )
        retried = [line for line in mine[-5:] if line[2:4] == (sequence, len(batch))]
        if sequence == following:
            first = self.ends[partition]
            assert call() == {partition: range(first, first + len(batch))}
            for key, value in batch:
                self.write(partition, key, value, {})
            self.numbered.append((producer, partition, sequence, len(batch), first))
        elif retried:
            first = retried[0][4]
            assert call() == {partition: range(first, first + len(batch))}
        else:
            with pytest.raises(OutOfOrderSequence):
                call()

    @precondition(lambda self: len(self.starts) < 4)
    @rule()
    def grow(self) -> None:
        self.real.grow(len(self.starts) + 1)
        self.starts.append(0)
        self.ends.append(0)
        self.home = {}  # most keys live elsewhere now

    @rule(seconds=st.integers(1, 8))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    # -- ... and forgetting

    @rule(after=st.sampled_from([0, 0, 1, 5, 10]))
    def clean(self, after: int) -> None:
        self.now += after
        for partition in range(len(self.starts)):
            if self.cleanup.compact:
                self.compact(partition)
            else:
                self.trim(partition)
        self.real.clean(self.now)

    def trim(self, partition: int) -> None:
        while mine := self.of(partition):
            old = self.cleanup.retention is not None and mine[0].time < self.now - self.cleanup.retention
            many = self.cleanup.retention_records is not None and len(mine) > self.cleanup.retention_records
            limit = self.cleanup.retention_bytes
            large = limit is not None and len(mine) > 1 and sum(row.bytes() for row in mine) > limit
            if not (old or many or large):
                return
            self.rows.remove(mine[0])
            self.starts[partition] = mine[1].offset if len(mine) > 1 else self.ends[partition]

    def compact(self, partition: int) -> None:
        for row in self.of(partition):
            if any(later.key == row.key and later.offset > row.offset for later in self.of(partition)):
                self.rows.remove(row)
            elif row.value is None:
                met = self.met.setdefault((partition, row.offset), self.now)
                if self.now - met >= self.cleanup.delete_retention:
                    self.rows.remove(row)

    # -- ... and reading

    @rule(partition=st.integers(0, 3), offset=st.integers(0, 25), most=st.integers(1, 4))
    def fetch(self, partition: int, offset: int, most: int) -> None:
        partition %= len(self.starts)
        if not self.starts[partition] <= offset <= self.ends[partition]:
            with pytest.raises(OffsetOutOfRange) as refusal:
                self.real.fetch(partition, offset)
            assert (refusal.value.earliest, refusal.value.latest) == (
                self.starts[partition],
                self.ends[partition],
            )
            return
        expected = [row for row in self.of(partition) if row.offset >= offset][:most]
        assert self.real.fetch(partition, offset, max_records=most) == list(map(as_record, expected))

    @rule(partition=st.integers(0, 3), time=st.integers(0, 60))
    def look_up_a_time(self, partition: int, time: int) -> None:
        partition %= len(self.starts)
        later = [row.offset for row in self.of(partition) if row.time >= time]
        assert self.real.partition(partition).offset_at(time) == min(later, default=self.ends[partition])

    # -- ... and a restart

    @rule(compacted=st.booleans())
    def restart(self, compacted: bool) -> None:
        """From all that was written down, or (as a journal that is compacted) from what there is."""
        if compacted:
            self.journal = [json.dumps(fact) for fact in self.real.facts()]
        written, self.journal = self.journal, []
        self.real = self.new_topic(len(self.starts))
        for fact in written:
            self.real.restore(json.loads(fact))
        assert self.journal == []
        self.journal = written
        self.turn = 0

    # -- what must hold after each of them

    @invariant()
    def each_record_is_where_the_model_has_it(self) -> None:
        for partition, log in enumerate(self.real.partitions):
            mine = self.of(partition)
            assert list(log.records()) == list(map(as_record, mine))
            assert (log.start_offset, log.end_offset) == (self.starts[partition], self.ends[partition])
            if self.cleanup.retention_bytes is not None:
                assert log.bytes == sum(row.bytes() for row in mine)


def as_record(row: Row) -> Record:
    return Record(row.partition, row.offset, row.key, row.value, row.headers, row.time)


def is_first(found: list[Record], key: str | None, value: Any, headers: dict[str, str]) -> bool:
    return (found[0].key, found[0].value, found[0].headers) == (key, value, headers)


TestLogModel = LogModel.TestCase
TestLogModel.settings = settings(stateful_step_count=40)


@pytest.mark.soak
class TestLogModelForLong(LogModel.TestCase):
    settings = settings(settings.get_profile("soak"), stateful_step_count=80)
