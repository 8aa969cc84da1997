from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from minibroker import InvalidArgument, OffsetOutOfRange, OutOfOrderSequence, Partition, Record


def written(*values: Any, every: float = 1.0) -> Partition:
    partition = Partition("orders", 0)
    for number, value in enumerate(values):
        partition.append("ada", value, now=number * every)
    return partition


def values(records: list[Record]) -> list[Any]:
    return [record.value for record in records]


# -- offsets ----------------------------------------------------------------------------------------------


def test_offsets_count_from_0_and_the_end_is_the_next_one():
    partition = Partition("orders", 3)

    offsets = [partition.append("ada", value, now=0).offset for value in "abc"]

    assert offsets == [0, 1, 2]
    assert (partition.start_offset, partition.end_offset, partition.name) == (0, 3, "orders/3")


def test_reading_removes_nothing():
    partition = written("a", "b")

    assert partition.fetch(0) == partition.fetch(0)
    assert values(partition.fetch(0)) == ["a", "b"]


def test_a_record_is_what_was_appended_with_its_place_and_time():
    partition = Partition("orders", 3)

    partition.append("ada", {"n": 1}, now=7.5, headers={"traceparent": "00-1"})

    assert partition.fetch(0) == [Record(3, 0, "ada", {"n": 1}, {"traceparent": "00-1"}, 7.5)]


def test_headers_are_copied():
    partition, headers = Partition("orders", 0), {"a": "1"}
    partition.append(None, 1, now=0, headers=headers)
    headers["a"] = "2"

    assert partition.fetch(0)[0].headers == {"a": "1"}


def test_fetch_gives_at_most_max_records_in_order():
    assert values(written(*"abcde").fetch(1, max_records=3)) == ["b", "c", "d"]


def test_a_fetch_at_the_end_is_empty_and_no_error():
    assert written("a").fetch(1) == []


def test_an_offset_that_was_never_written_is_refused_with_the_earliest_and_the_latest():
    with pytest.raises(OffsetOutOfRange, match="orders/0 has offsets 0 to 2, not 3") as refusal:
        written("a", "b").fetch(3)

    assert (refusal.value.earliest, refusal.value.latest) == (0, 2)


def test_an_offset_that_was_deleted_is_refused_with_the_earliest_and_the_latest():
    partition = written(*"abc")
    partition.trim(2)

    with pytest.raises(OffsetOutOfRange, match="retention deleted what was before 2") as refusal:
        partition.fetch(1)

    assert (refusal.value.earliest, refusal.value.latest) == (2, 3)


def test_a_fetch_from_a_hole_goes_on_with_the_next_record():
    partition = written(*"abcd")
    partition.remove([1, 2])

    assert [record.offset for record in partition.fetch(1)] == [3]
    assert partition.first_from(2) == partition.fetch(3)[0]
    assert (partition.start_offset, partition.end_offset, len(partition)) == (0, 4, 2)


def test_when_the_last_record_was_removed_its_offset_is_not_given_again():
    partition = written(*"ab")
    partition.remove([1])

    assert partition.append("ada", "c", now=9).offset == 2


def test_when_all_was_deleted_the_start_is_the_end():
    partition = written(*"ab")
    partition.trim(2)

    assert (partition.start_offset, partition.end_offset) == (2, 2)
    assert partition.fetch(2) == []


@pytest.mark.parametrize("offset", [-1, 1.0, True, "0", None])
def test_an_offset_is_a_whole_number(offset):
    with pytest.raises(InvalidArgument, match="offset must be a whole number"):
        written("a").fetch(offset)


# -- time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("time", "offset"), [(0, 0), (0.1, 1), (10, 1), (20, 2), (20.5, 3), (99, 3)])
def test_a_time_is_the_offset_of_the_first_record_that_is_not_older(time, offset):
    assert written(*"abc", every=10).offset_at(time) == offset


# -- the idempotent producer ---------------------------------------------------------------------------


def test_a_retry_gets_the_record_of_the_first_time_and_nothing_is_written():
    partition = Partition("orders", 0)
    first = partition.append("ada", "a", now=0, producer="p1", sequence=0)

    again = partition.append("ada", "a", now=5, producer="p1", sequence=0)

    assert again == first
    assert len(partition) == 1


def test_a_retry_of_one_of_the_last_five_is_still_recognised():
    partition = Partition("orders", 0)
    for number in range(7):
        partition.append("ada", number, now=0, producer="p1", sequence=number)

    assert [partition.append("x", 0, now=1, producer="p1", sequence=n).offset for n in range(2, 7)] == [
        2, 3, 4, 5, 6,
    ]  # fmt: skip
    with pytest.raises(OutOfOrderSequence, match="only the last 5 batches are remembered"):
        partition.append("x", 0, now=1, producer="p1", sequence=1)
    assert len(partition) == 7


def test_a_gap_is_refused_and_nothing_is_written():
    partition = Partition("orders", 0)
    partition.append("ada", "a", now=0, producer="p1", sequence=0)

    with pytest.raises(OutOfOrderSequence, match=r"sequence 2, the next is 1; 1 record\(s\) before it"):
        partition.append("ada", "c", now=0, producer="p1", sequence=2)

    assert len(partition) == 1


def test_each_producer_counts_for_itself():
    partition = Partition("orders", 0)

    for producer in ("p1", "p2"):
        partition.append("ada", producer, now=0, producer=producer, sequence=0)

    assert values(partition.fetch(0)) == ["p1", "p2"]


def test_a_producer_must_number_its_records():
    with pytest.raises(InvalidArgument, match="'p1' needs a sequence"):
        Partition("orders", 0).append("ada", "a", now=0, producer="p1")


def test_a_batch_is_numbered_by_its_first_record_and_retried_whole():
    partition = Partition("orders", 0)
    batch = [("ada", n) for n in range(3)]

    first = partition.append_many(batch, now=0, producer="p1", sequence=0)
    assert partition.append_many(batch, now=9, producer="p1", sequence=0) == first == range(3)
    with pytest.raises(OutOfOrderSequence, match="retry the same records"):
        partition.append_many(batch[:2], now=9, producer="p1", sequence=0)
    assert partition.append("ada", 3, now=9, producer="p1", sequence=3).offset == 3
    assert values(partition.fetch(0)) == [0, 1, 2, 3]


# -- a batch ---------------------------------------------------------------------------------------------


def test_a_batch_is_written_at_one_time_under_offsets_in_a_row():
    partition = written("a")

    assert partition.append_many([("ada", "b"), (None, "c", {"trace": "1"})], now=7) == range(1, 3)
    assert partition.fetch(1) == [
        Record(0, 1, "ada", "b", {}, 7),
        Record(0, 2, None, "c", {"trace": "1"}, 7),
    ]


@pytest.mark.parametrize(
    "wrong", [("ada",), "ab", 7, ("ada", 1, {}, 2), (7, 1), ("ada", 1, {"trace": 1}), (["a"], 1), {"a", "b"}]
)
def test_a_batch_with_one_wrong_record_is_refused_whole(wrong):
    partition = Partition("orders", 0)

    with pytest.raises(InvalidArgument, match=r"record|headers"):
        partition.append_many([("ada", 1), wrong], now=0)

    assert (len(partition), partition.end_offset) == (0, 0)


def test_an_empty_batch_writes_nothing():
    assert written("a").append_many([], now=9) == range(1, 1)


def test_a_list_of_two_may_be_changed_after_it_was_handed_over():
    partition, pair = Partition("orders", 0), ["ada", 1]
    partition.append_many([pair], now=0)
    pair[1] = 2

    assert values(partition.fetch(0)) == [1]


# -- bytes -----------------------------------------------------------------------------------------------


def test_bytes_are_those_of_key_value_and_headers_as_json():
    partition = Partition("orders", 0, measured=True)
    partition.append("ada", {"n": 1}, now=0)
    partition.append(None, "\u00e9", now=0, headers={"a": "b"})

    assert partition.bytes == len('["ada",{"n":1}]') + len('[null,"\\u00e9",{"a":"b"}]')
    partition.trim(1)
    assert partition.bytes == len('[null,"\\u00e9",{"a":"b"}]')


def test_a_value_that_has_no_bytes_is_refused_where_they_are_counted():
    partition = Partition("orders", 0, measured=True)

    with pytest.raises(InvalidArgument, match="only JSON values"):
        partition.append_many([("ada", 1), ("ada", {1, 2})], now=0)

    assert (len(partition), partition.bytes) == (0, 0)


def test_bytes_that_nobody_asked_for_are_not_counted():
    assert written("a").bytes is None


# -- the observer --------------------------------------------------------------------------------------


def test_the_observer_sees_appends_and_recognised_retries(history):
    partition = Partition("orders", 0, observer=history)
    for _ in range(2):
        partition.append("ada", "a", now=0, producer="p1", sequence=0)

    where = {"topic": "orders", "partition": 0, "offset": 0}
    assert history == [
        {"kind": "appended", **where, "key": "ada", "value": "a"},
        {"kind": "duplicate", **where, "producer": "p1", "sequence": 0},
    ]


# -- against a model: a dict from offset to record, searched from one end to the other ---------------


class PartitionModel(RuleBasedStateMachine):
    @initialize()
    def build(self) -> None:
        self.now = 0
        self.real = Partition("orders", 0)
        self.written: dict[int, tuple[Any, int]] = {}  # offset -> value, timestamp
        self.start = self.end = 0
        self.numbers: dict[str, list[int]] = {}  # producer -> the offsets of its records, in order

    @rule(seconds=st.integers(0, 3), value=st.integers())
    def append(self, seconds: int, value: int) -> None:
        self.now += seconds
        assert self.real.append(None, value, now=self.now).offset == self.end
        self.written[self.end] = (value, self.now)
        self.end += 1

    @rule(producer=st.sampled_from(["p1", "p2"]), back=st.integers(-2, 7), value=st.integers())
    def append_with_number(self, producer: str, back: int, value: int) -> None:
        offsets = self.numbers.setdefault(producer, [])
        sequence = max(0, len(offsets) - back)
        call = lambda: self.real.append(None, value, now=self.now, producer=producer, sequence=sequence)  # noqa: E731
        if sequence == len(offsets):
            assert call().offset == self.end
            offsets.append(self.end)
            self.written[self.end] = (value, self.now)
            self.end += 1
        elif len(offsets) - 5 <= sequence < len(offsets):
            assert call().offset == offsets[sequence]
        else:
            with pytest.raises(OutOfOrderSequence):
                call()

    @rule(records=st.integers(0, 3))
    def trim(self, records: int) -> None:
        self.start = min(self.start + records, self.end)
        going = [offset for offset in self.written if offset < self.start]
        assert self.real.trim(self.start) == len(going)
        for offset in going:
            del self.written[offset]

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        going = data.draw(st.sets(st.integers(self.start, self.end)))
        self.real.remove(going)
        self.written = {offset: row for offset, row in self.written.items() if offset not in going}

    @rule(offset=st.integers(0, 30), most=st.integers(1, 4))
    def fetch(self, offset: int, most: int) -> None:
        if offset < self.start or offset > self.end:
            with pytest.raises(OffsetOutOfRange) as refusal:
                self.real.fetch(offset)
            assert (refusal.value.earliest, refusal.value.latest) == (self.start, self.end)
            return
        expected = [(o, *self.written[o]) for o in range(offset, self.end) if o in self.written][:most]
        fetched = self.real.fetch(offset, max_records=most)
        assert [(r.offset, r.value, r.timestamp) for r in fetched] == expected

    @rule(time=st.integers(0, 20))
    def look_up_a_time(self, time: int) -> None:
        later = [offset for offset, (_, at) in self.written.items() if at >= time]
        assert self.real.offset_at(time) == min(later, default=self.end)

    @invariant()
    def the_ends_are_where_the_model_has_them(self) -> None:
        if hasattr(self, "real"):
            assert (self.real.start_offset, self.real.end_offset) == (self.start, self.end)
            assert len(self.real) == len(self.written)


TestPartitionModel = PartitionModel.TestCase
TestPartitionModel.settings = settings(stateful_step_count=40)
