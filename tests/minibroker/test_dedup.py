import pytest

from minibroker import InvalidArgument, QueueFull, WorkQueue
from minibroker.dedup import DedupWindow


def test_the_same_dedup_id_again_stores_nothing_and_returns_the_first_id(history):
    queue = WorkQueue("charges", observer=history)

    ids = [queue.send(body, dedup_id="order-7", now=now) for now, body in enumerate("abc")]

    assert ids == [1, 1, 1]
    assert [m.body for m in queue.peek(now=3)] == ["a"]
    assert history.kinds() == ["sent", "duplicate", "duplicate"]


def test_the_window_holds_after_the_ack_and_for_the_whole_queue():
    queue = WorkQueue("charges")
    queue.send("a", dedup_id="order-7", group="ada", now=0)
    queue.ack(queue.receive(now=1)[0].receipt, now=1)

    assert queue.send("a", dedup_id="order-7", group="bob", now=299.9) == 1
    assert queue.snapshot(now=299.9).depth == 0


@pytest.mark.parametrize(("window", "last"), [(300.0, 299), (7.0, 6)])
def test_the_window_begins_with_the_first_send_and_is_not_moved_by_the_others(window, last):
    queue = WorkQueue("charges", dedup_window=window)
    ids = [queue.send("a", dedup_id="x", now=now) for now in (0, 1, last, last + 1)]

    assert ids == [1, 1, 1, 2]


def test_equal_bodies_are_two_messages_unless_asked():
    queue = WorkQueue("charges")
    assert [queue.send({"a": 1}, now=0), queue.send({"a": 1}, now=0)] == [1, 2]

    queue = WorkQueue("charges", dedup_by_body=True)
    first = queue.send({"a": 1, "b": 2}, headers={"n": "1"}, now=0)
    assert queue.send({"b": 2, "a": 1}, now=1) == first
    assert queue.send({"b": 3}, now=1) == first + 1
    assert queue.send({"a": 1, "b": 2}, dedup_id="its own", now=1) == first + 2


def test_a_refused_send_is_not_remembered_and_a_repeated_one_is_not_refused():
    queue = WorkQueue("charges", max_length=1)
    queue.send("a", dedup_id="a", now=0)

    assert queue.send("a", dedup_id="a", now=1) == 1
    with pytest.raises(QueueFull):
        queue.send("b", dedup_id="b", now=1)
    queue.ack(queue.receive(now=2)[0].receipt, now=2)
    assert queue.send("b", dedup_id="b", now=3) == 2


@pytest.mark.parametrize("bad", ["", 7, {}])
def test_a_dedup_id_is_a_string_that_is_not_empty(bad):
    with pytest.raises(InvalidArgument, match="dedup_id must"):
        WorkQueue("charges").send("x", dedup_id=bad, now=0)


def test_a_key_that_was_sent_again_after_its_window_is_known_again_by_its_last_send():
    window = DedupWindow(7.0)

    window.restore([("x", 1, 7.0), ("y", 2, 8.0), ("x", 3, 14.5)])

    assert [window.first("x", 13.0), window.first("y", 13.0)] == [3, None]
