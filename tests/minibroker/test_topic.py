import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibroker import Cleanup, InvalidArgument, NoSuchTopic
from minibroker.partitioner import murmur2, partition_for, to_positive
from minibroker.topic import TopicLog
from minibroker.topic_snapshot import PartitionSnapshot, TopicSnapshot

# Kafka's own: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2
PUBLISHED = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), PUBLISHED.items())
def test_murmur2_gives_what_kafkas_own_test_wants(key, hashed):
    assert murmur2(key.encode()) == hashed


@pytest.mark.parametrize(("key", "hashed"), PUBLISHED.items())
@pytest.mark.parametrize("partitions", [1, 8, 12])
def test_a_key_goes_where_kafkas_java_client_sends_it(key, hashed, partitions):
    assert partition_for(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(("number", "positive"), [(0, 0), (7, 7), (-1, 2147483647), (-2147483648, 0)])
def test_to_positive_takes_the_sign_bit_off_and_is_not_abs(number, positive):
    assert to_positive(number) == positive


@given(st.text(), st.integers(1, 64))
def test_every_key_has_a_partition_and_always_the_same(key, partitions):
    assert 0 <= partition_for(key, partitions) < partitions
    assert partition_for(key, partitions) == partition_for(key, partitions)


def test_records_of_one_key_are_in_one_partition_in_order():
    topic = TopicLog("orders", partitions=8)
    for number in range(40):
        topic.append(f"order-{number % 10}", number, now=number)

    for key in (f"order-{n}" for n in range(10)):
        mine = [r.value for r in topic.fetch(topic.partition_of(key), 0) if r.key == key]
        assert mine == sorted(mine)
        assert len(mine) == 4


def test_records_without_a_key_go_round():
    topic = TopicLog("orders", partitions=3)

    assert [topic.append(None, n, now=0).partition for n in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_partition_can_be_named():
    topic = TopicLog("orders", partitions=3)

    assert topic.append("ada", 1, now=0, partition=2).partition == 2
    with pytest.raises(NoSuchTopic, match="'orders' has partitions 0 to 2, not 3"):
        topic.append("ada", 1, now=0, partition=3)


@pytest.mark.parametrize(
    ("key", "partition"), [(7, None), (b"ada", None), (7, 0), (["a"], None), (["a"], 0), ("\ud800", None)]
)
def test_a_key_is_a_string_that_can_be_hashed(key, partition):
    topic = TopicLog("orders")
    with pytest.raises(InvalidArgument, match="key"):
        topic.append(key, 1, now=0, partition=partition)
    assert topic.snapshot().records == 0


def test_a_sequence_counts_within_its_partition():
    topic = TopicLog("orders", partitions=2)
    for partition in (0, 1):
        assert topic.append("k", 1, now=0, partition=partition, producer="p", sequence=0).offset == 0


def test_a_batch_goes_where_its_records_would_go_one_by_one():
    rows = [(f"order-{n % 10}", n) for n in range(40)]
    one_by_one, batch = TopicLog("orders", partitions=8), TopicLog("orders", partitions=8)
    for key, value in rows:
        one_by_one.append(key, value, now=3)

    offsets = batch.append_many(rows, now=3)

    for number in range(8):
        assert batch.fetch(number, 0) == one_by_one.fetch(number, 0)
    assert offsets == {n: range(s.end_offset) for n, s in enumerate(batch.snapshot().partitions) if s.records}


def test_the_records_of_a_batch_without_keys_stay_together_and_the_next_batch_goes_on():
    topic = TopicLog("orders", partitions=3)

    batches = [topic.append_many([(None, 1), (None, 2)], now=0) for _ in range(4)]

    assert batches == [{0: range(2)}, {1: range(2)}, {2: range(2)}, {0: range(2, 4)}]


def test_a_batch_may_name_its_partition():
    topic = TopicLog("orders", partitions=3)

    assert topic.append_many([("ada", 1), ("bob", 2)], now=0, partition=2) == {2: range(2)}


@pytest.mark.parametrize(
    ("records", "partition"),
    [
        ([("ada", 1), (7, 1)], None),
        ([("ada", 1), (["a"], 1)], None),
        ([("ada", 1), "ab"], None),
        ([("ada", 1), ("ada", 1, {"trace": 1})], None),
        ([("ada", 1), ("\ud800", 1)], None),
        ([("ada", 1), (7, 1)], 0),
        (7, None),
        ("ab", None),
    ],
)
def test_a_batch_with_one_wrong_record_is_refused_whole(records, partition):
    topic = TopicLog("orders", partitions=2)

    with pytest.raises(InvalidArgument):
        topic.append_many(records, now=0, partition=partition)

    assert [snapshot.records for snapshot in topic.snapshot().partitions] == [0, 0]


def test_a_numbered_batch_names_its_partition():
    topic = TopicLog("orders", partitions=2)

    with pytest.raises(InvalidArgument, match="'p1' counts by partition"):
        topic.append_many([("ada", 1)], now=0, producer="p1", sequence=0)
    for _ in range(2):
        assert topic.append_many([("ada", 1)], now=0, partition=1, producer="p1", sequence=0) == {1: range(1)}


def test_a_partitioner_that_has_met_too_many_keys_forgets_them_and_still_chooses_the_same(monkeypatch):
    monkeypatch.setattr("minibroker.partitioner._REMEMBERED", 3)
    topic = TopicLog("orders", partitions=8)

    for key in [f"order-{n}" for n in range(10)] * 2:
        assert topic.append(key, 1, now=0).partition == partition_for(key, 8)


def test_more_partitions_send_most_keys_elsewhere_and_move_nothing_that_is_written():
    topic = TopicLog("orders", partitions=4)
    keys = [f"order-{n}" for n in range(100)]
    before = {key: topic.append(key, 1, now=0).partition for key in keys}

    topic.grow(6)
    after = {key: topic.append(key, 2, now=1).partition for key in keys}

    assert sum(before[key] != after[key] for key in keys) > 50
    assert sum(len(topic.fetch(n, 0)) for n in range(4)) > 100
    with pytest.raises(InvalidArgument, match="6 partitions and cannot have 5"):
        topic.grow(5)


def test_a_snapshot_shows_each_partition():
    topic = TopicLog("orders", partitions=2)
    topic.append("k", 1, now=0, partition=1)

    assert topic.snapshot() == TopicSnapshot(
        "orders", (PartitionSnapshot(0, 0, 0), PartitionSnapshot(0, 1, 1))
    )


def test_a_notebook_shows_a_line_for_each_partition():
    topic = TopicLog("orders", partitions=2)
    topic.append_many([("k", 1), ("k", 2)], now=0, partition=1)

    shown = topic._repr_html_()

    assert "Topic orders" in shown
    assert shown.count("<tr>") == 3
    assert re.findall(r">(\d+)</td>", shown)[4:] == ["1", "0", "2", "2"]
    assert "bytes" not in shown
    assert repr(topic) == "TopicLog('orders', partitions=2, records=2)"


def test_a_notebook_shows_bytes_where_they_are_counted():
    topic = TopicLog("orders", cleanup=Cleanup(retention_bytes=100))
    topic.append("k", 1, now=0)

    assert "bytes" in topic._repr_html_()
    assert re.findall(r">(\d+)</td>", topic._repr_html_()) == ["0", "0", "1", "1", str(len('["k",1]'))]


@pytest.mark.parametrize("wrong", [{"partitions": 0}, {"partitions": 1.5}])
def test_partitions_are_counted(wrong):
    with pytest.raises(InvalidArgument, match="partitions must be a whole number"):
        TopicLog("orders", **wrong)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 81, None])
def test_a_topics_name_can_stand_in_a_url(name):
    with pytest.raises(InvalidArgument, match="a name"):
        TopicLog(name)
