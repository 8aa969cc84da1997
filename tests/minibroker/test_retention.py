import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibroker import Cleaning, Cleanup, InvalidArgument
from minibroker.topic import TopicLog


def written(cleanup: Cleanup, *rows: tuple[str, Any], every: float = 10.0, observer: Any = None) -> TopicLog:
    """A topic of one partition; row n was written at n * every."""
    topic = TopicLog("orders", cleanup=cleanup, observer=observer)
    for number, (key, value) in enumerate(rows):
        topic.append(key, value, now=number * every)
    return topic


def left(topic: TopicLog) -> list[tuple[int, Any]]:
    return [(record.offset, record.value) for record in topic.partition(0).records()]


FIVE = [("k", n) for n in range(5)]


# -- retention ---------------------------------------------------------------------------------------


def test_what_is_older_than_retention_is_deleted_from_the_front():
    topic = written(Cleanup(retention=25), *FIVE)

    topic.clean(40)

    assert left(topic) == [(2, 2), (3, 3), (4, 4)]
    assert topic.partition(0).start_offset == 2


def test_a_record_that_is_just_as_old_as_retention_is_kept():
    topic = written(Cleanup(retention=40), *FIVE)

    topic.clean(40)

    assert len(left(topic)) == 5


def test_what_is_more_than_retention_records_is_deleted_the_oldest_first():
    topic = written(Cleanup(retention=None, retention_records=2), *FIVE)

    topic.clean(40)

    assert left(topic) == [(3, 3), (4, 4)]


def test_of_age_and_number_the_stricter_holds():
    topic = written(Cleanup(retention=5, retention_records=3), *FIVE)

    topic.clean(40)

    assert left(topic) == [(4, 4)]


def test_what_is_more_than_retention_bytes_is_deleted_the_oldest_first():
    row = len('["k",0]')
    topic = written(Cleanup(retention=None, retention_bytes=2 * row + 1), *FIVE)

    topic.clean(40)

    assert left(topic) == [(3, 3), (4, 4)]
    assert topic.partition(0).bytes == 2 * row


def test_what_takes_retention_bytes_and_no_more_is_kept():
    topic = written(Cleanup(retention=None, retention_bytes=5 * len('["k",0]')), *FIVE)

    assert topic.clean(40) == []
    assert len(left(topic)) == 5


def test_the_newest_record_is_kept_even_if_it_is_larger_than_retention_bytes():
    topic = written(Cleanup(retention=None, retention_bytes=10), ("k", 1), ("k", "x" * 100))

    topic.clean(40)

    assert left(topic) == [(1, "x" * 100)]


def test_a_batch_with_a_value_that_cannot_be_measured_is_refused_whole():
    topic = TopicLog("orders", partitions=8, cleanup=Cleanup(retention_bytes=10))

    with pytest.raises(InvalidArgument, match="only JSON values"):
        topic.append_many([(f"order-{n}", n) for n in range(20)] + [("k", {1})], now=0)

    assert topic.snapshot().records == 0


def test_cleaning_happens_every_check_interval_and_the_topic_says_when():
    topic = written(Cleanup(retention=25, check_interval=50), *FIVE)

    assert topic.next_deadline() == 50
    topic.advance(49.9)
    assert len(left(topic)) == 5
    topic.advance(50)
    assert left(topic) == [(3, 3), (4, 4)]
    assert topic.next_deadline() == 100


def test_an_empty_topic_asks_for_no_cleaning():
    topic = written(Cleanup(retention=25), ("k", 1))

    topic.advance(300)

    assert left(topic) == []
    assert topic.next_deadline() is None


def test_what_is_never_forgotten_needs_no_cleaning():
    assert written(Cleanup(retention=None), *FIVE).next_deadline() is None


# -- compaction --------------------------------------------------------------------------------------


def test_compaction_keeps_the_last_record_of_each_key_under_its_offset():
    topic = written(Cleanup(compact=True), ("a", 1), ("b", 1), ("a", 2), ("c", 1), ("a", 3))

    topic.clean(50)

    assert left(topic) == [(1, 1), (3, 1), (4, 3)]
    assert (topic.partition(0).start_offset, topic.partition(0).end_offset) == (0, 5)


def test_a_tombstone_removes_its_key_at_once_and_itself_after_delete_retention():
    topic = written(Cleanup(compact=True, delete_retention=100), ("a", 1), ("b", 1), ("a", None))

    topic.clean(1000)
    assert left(topic) == [(1, 1), (2, None)]
    topic.clean(1099)
    assert left(topic) == [(1, 1), (2, None)]
    topic.clean(1100)
    assert left(topic) == [(1, 1)]


def test_a_reader_within_delete_retention_misses_no_delete_however_old_the_tombstone_is():
    topic = written(Cleanup(compact=True, delete_retention=100), ("a", 1), ("a", None))
    seen = topic.fetch(0, 0, max_records=1)  # at t=5000, just before the first cleaning ever

    topic.clean(5000)
    seen += topic.fetch(0, 1)

    assert [record.value for record in seen] == [1, None]


def test_a_reader_that_lags_longer_than_delete_retention_misses_the_delete():
    topic = written(Cleanup(compact=True, delete_retention=100), ("a", 1), ("a", None), ("b", 1))
    seen = topic.fetch(0, 0, max_records=1)

    topic.clean(200)
    topic.clean(300)
    seen += topic.fetch(0, 1)

    assert [(record.key, record.value) for record in seen] == [("a", 1), ("b", 1)]  # "a" lives on there


def test_a_key_that_is_written_again_needs_its_tombstone_no_more():
    topic = written(Cleanup(compact=True), ("a", 1), ("a", None), ("a", 2))

    topic.clean(50)

    assert left(topic) == [(2, 2)]


def test_after_its_last_tombstone_a_compacted_topic_asks_for_no_cleaning_until_the_next_append():
    topic = written(Cleanup(compact=True, delete_retention=500), ("a", 1), ("a", None))

    topic.advance(300)
    assert topic.next_deadline() == 600
    topic.advance(900)
    assert topic.next_deadline() is None
    topic.append("a", 2, now=1000)
    assert topic.next_deadline() == 1300


def test_a_record_of_a_compacted_topic_needs_a_key():
    with pytest.raises(InvalidArgument, match="compacted by key: a record needs one"):
        TopicLog("orders", cleanup=Cleanup(compact=True)).append(None, 1, now=0)


@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9))),
    cleanings=st.sets(st.integers(0, 30)),
)
def test_compaction_changes_no_offset_no_order_and_no_table(rows, cleanings):
    """The model: the table that a reader of the whole log would build."""
    topic = TopicLog("orders", cleanup=Cleanup(compact=True, delete_retention=3))
    table: dict[str, tuple[int, Any]] = {}
    for now, (key, value) in enumerate(rows):
        table[key] = (topic.append(key, value, now=now).offset, value)
        if now in cleanings:
            topic.clean(now)
    topic.clean(len(rows))

    records = list(topic.partition(0).records())
    living = {key: row for key, row in table.items() if row[1] is not None}
    assert {r.key: (r.offset, r.value) for r in records if r.value is not None} == living
    assert all(table[r.key] == (r.offset, None) for r in records if r.value is None)
    assert [r.offset for r in records] == sorted(r.offset for r in records)


# -- a cleaning is a fact ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cleanup", "rows"),
    [
        (Cleanup(retention=25), FIVE),
        (Cleanup(retention=None, retention_bytes=20), FIVE),
        (Cleanup(compact=True, delete_retention=30), [("a", 1), ("b", 1), ("a", 2), ("b", None)]),
    ],
)
def test_what_a_cleaning_did_can_be_done_again_on_a_copy_that_was_not_cleaned(cleanup, rows):
    topic, copy = written(cleanup, *rows), written(cleanup, *rows)

    facts = [topic.clean(now) for now in (40, 60, 80)]
    for fact in [fact for cleaning in facts for fact in cleaning]:
        for _ in range(2):  # twice, as after a restart in the middle
            copy.apply(Cleaning.from_list(json.loads(json.dumps(fact.to_list()))))

    assert facts[0] != []
    assert left(copy) == left(topic)
    assert copy.snapshot() == topic.snapshot()
    assert copy.clean(99) == topic.clean(99)  # it has met the same tombstones, too


def test_a_cleaning_says_where_a_partition_begins_now_and_what_compaction_took_out():
    assert written(Cleanup(retention=25), *FIVE).clean(40) == [Cleaning(0, 40, start_offset=2)]
    rows = [("a", 1), ("a", 2), ("b", None)]
    assert written(Cleanup(compact=True), *rows).clean(40) == [Cleaning(0, 40, 0, removed=(0,), met=(2,))]


def test_a_topic_made_anew_from_what_is_there_has_the_same_holes_and_has_met_the_same_tombstones():
    cleanup = Cleanup(compact=True, delete_retention=30)
    topic, copy = TopicLog("orders", cleanup=cleanup), TopicLog("orders", cleanup=cleanup)
    topic.append_many([("a", 1), ("b", 2), ("b", 3), ("c", None), ("c", None)], now=0)
    topic.clean(40)

    for fact in topic.facts():
        copy.restore(json.loads(json.dumps(fact)))

    assert left(copy) == left(topic) == [(0, 1), (2, 3), (4, None)]
    for now in (69, 70):
        assert copy.clean(now) == topic.clean(now)
    assert left(copy) == left(topic) == [(0, 1), (2, 3)]
    assert copy.append("d", 4, now=80).offset == topic.append("d", 4, now=80).offset == 5


def test_a_cleaning_that_is_not_due_or_finds_nothing_is_no_fact():
    topic = written(Cleanup(retention=1000, check_interval=50), *FIVE)

    assert topic.advance(49) == []
    assert topic.advance(50) == []
    assert topic.advance(2000) == [Cleaning(0, 2000, start_offset=5)]


# -- seen from outside -------------------------------------------------------------------------------


def test_the_observer_hears_of_what_was_removed_and_of_nothing_else(history):
    written(Cleanup(retention=25), *FIVE, observer=history).clean(40)
    topic = written(Cleanup(compact=True), ("a", 1), ("a", 2), observer=history)
    topic.clean(40)
    topic.clean(40)

    where = {"topic": "orders", "partition": 0}
    assert [event for event in history if event["kind"] != "appended"] == [
        {"kind": "trimmed", **where, "records": 2, "start_offset": 2},
        {"kind": "compacted", **where, "records": 1, "kept": 1},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"retention": 0},
        {"retention": -1},
        {"retention_records": 0},
        {"retention_bytes": 0},
        {"retention_bytes": 1.5},
        {"compact": True, "retention_bytes": 5},
        {"compact": 1},
        {"delete_retention": float("nan")},
        {"check_interval": 0},
        {"compact": True, "retention_records": 5},
    ],
)
def test_a_cleanup_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InvalidArgument):
        Cleanup(**wrong)
