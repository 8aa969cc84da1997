import pytest

from minibroker import InvalidArgument, WorkQueue
from minibroker.dead_letter import redrive


def grouped(queue: WorkQueue, *sends: str) -> WorkQueue:
    """ "a1": body a1 in group a."""
    for body in sends:
        queue.send(body, group=body[0], now=0)
    return queue


def take(queue: WorkQueue, now: float = 0.0, **more):
    return {lease.message.body: lease.receipt for lease in queue.receive(max_messages=99, now=now, **more)}


def test_a_message_in_flight_blocks_its_group_and_no_other():
    queue = grouped(WorkQueue("orders"), "a1", "a2", "b1", "b2")
    queue.send("alone", now=0)

    held = take(queue)
    assert list(held) == ["a1", "b1", "alone"]
    assert (queue.ready, queue.snapshot(now=0).blocked, queue.snapshot(now=0).depth) == (0, 2, 5)

    queue.ack(held["b1"], now=1)
    assert list(take(queue, now=1)) == ["b2"]


@pytest.mark.parametrize("how", ["nack", "delayed nack", "expiry", "release"])
def test_what_comes_back_is_still_the_first_of_its_group(how):
    queue = grouped(WorkQueue("orders", visibility_timeout=5), "a1", "a2")
    receipt = take(queue)["a1"]

    if how == "release":
        queue.release(receipt, now=1)
    elif how != "expiry":
        queue.nack(receipt, delay=5 if how == "delayed nack" else 0, now=1)

    assert list(take(queue, now=3)) == ([] if how in ("delayed nack", "expiry") else ["a1"])
    assert list(take(queue, now=9)) == ["a1"]


def test_a_delayed_first_message_delays_its_group():
    queue = WorkQueue("orders")
    queue.send("a1", group="a", delay=10, now=0)
    queue.send("a2", group="a", now=0)

    assert take(queue, now=9) == {}
    assert list(take(queue, now=10)) == ["a1"]


def test_a_dead_letter_lets_its_group_go_on_and_comes_last_when_redriven():
    dead = WorkQueue("dead")
    queue = grouped(WorkQueue("orders", dead_letter_queue=dead), "a1", "a2", "a3")
    queue.reject(take(queue)["a1"], "no", now=0)
    redrive(dead, now=1, find={"orders": queue}.__getitem__)

    order = []
    while held := take(queue, now=2):
        [(body, receipt)] = held.items()
        order.append(body)
        queue.ack(receipt, now=2)
    assert order == ["a2", "a3", "a1"]


def test_redrive_keeps_the_order_within_a_group_and_leaves_one_that_somebody_looks_at():
    dead = WorkQueue("dead")
    queue = grouped(WorkQueue("orders", dead_letter_queue=dead), "a1", "a2", "b1")
    for _ in range(2):
        for receipt in take(queue).values():
            queue.reject(receipt, "no", now=0)
    look = dead.receive(now=0)[0]
    assert look.message.body == "a1"

    redrive(dead, now=1, find={"orders": queue}.__getitem__)
    assert [m.body for m in queue.peek(now=1)] == ["b1"]

    dead.release(look.receipt, now=1)
    redrive(dead, now=2, find={"orders": queue}.__getitem__)
    assert [m.body for m in queue.peek(now=2)] == ["b1", "a1", "a2"]


def test_a_message_that_expires_at_the_head_of_its_group_lets_the_next_one_go():
    queue = WorkQueue("orders")
    queue.send("a1", group="a", ttl=5, now=0)
    queue.send("a2", group="a", now=0)

    assert list(take(queue, now=5)) == ["a2"]


def test_drop_oldest_may_take_the_one_that_waits_for_its_group():
    queue = grouped(WorkQueue("orders", max_length=2, overflow="drop-oldest"), "a1", "a2")
    receipt = take(queue)["a1"]
    queue.send("a3", group="a", now=0)
    queue.ack(receipt, now=0)

    assert list(take(queue)) == ["a3"]


@pytest.mark.parametrize("bad", ["", 7, ["a"]])
def test_a_group_is_a_string_that_is_not_empty(bad):
    with pytest.raises(InvalidArgument, match="group must"):
        WorkQueue("orders").send("x", group=bad, now=0)
