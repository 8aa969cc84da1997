import pytest

from minibroker import InvalidArgument, Reason, WorkQueue
from minibroker.journal import Found
from minibroker.recovery import Tables


def bodies(queue: WorkQueue, now: float) -> list[object]:
    return [lease.message.body for lease in queue.receive(max_messages=99, now=now)]


def test_a_message_is_not_delivered_after_its_ttl():
    queue = WorkQueue("offers")
    queue.send("lamp", ttl=10, now=0)

    assert queue.next_deadline() == 10
    assert [m.body for m in queue.peek(now=9.9)] == ["lamp"]
    assert bodies(queue, 10) == []


@pytest.mark.parametrize(("own", "of_the_queue", "ends"), [(5, 9, 5), (9, 5, 5), (None, 5, 5), (5, None, 5)])
def test_of_the_messages_ttl_and_the_queues_the_lower_wins(own, of_the_queue, ends):
    queue = WorkQueue("offers", ttl=of_the_queue)
    queue.send("lamp", ttl=own, now=1)

    assert queue.next_deadline() == 1 + ends


def test_an_expired_message_is_dead_lettered_with_the_reason_and_without_its_ttl(history):
    dead = WorkQueue("dead")
    queue = WorkQueue("offers", dead_letter_queue=dead, observer=history)
    queue.send("lamp", ttl=10, now=0)

    queue.advance(100)

    [letter] = dead.peek(now=1000)
    [death] = letter.deaths
    assert (death.queue, death.reason, death.last_at, death.receive_count) == ("offers", "expired", 10, 0)
    assert history.last("dead")["reason"] == Reason.EXPIRED


def test_without_a_dead_letter_queue_an_expired_message_is_dropped_and_the_observer_is_told(history):
    queue = WorkQueue("offers", ttl=5, observer=history)
    queue.send("lamp", now=0)

    queue.advance(5)

    assert queue.snapshot(now=5).depth == 0
    assert history.last("dead")["to"] is None


def test_what_stands_behind_a_good_message_dies_when_it_reaches_the_head():
    dead = WorkQueue("dead")
    queue = WorkQueue("offers", dead_letter_queue=dead)
    queue.send("good", now=0)
    queue.send("short", ttl=5, now=0)

    queue.advance(20)
    assert len(queue.peek(now=20)) == 2

    assert bodies(queue, 30) == ["good"]
    assert [(m.body, m.deaths[0].last_at) for m in dead.peek(now=40)] == [("short", 30)]


def test_a_lease_is_not_cut_short_but_given_back_the_message_dies():
    dead = WorkQueue("dead")
    queue = WorkQueue("offers", dead_letter_queue=dead)
    queue.send("acked", ttl=5, now=0)
    queue.send("nacked", ttl=5, now=0)
    acked, nacked = queue.receive(max_messages=2, now=1)

    queue.ack(acked.receipt, now=20)
    queue.nack(nacked.receipt, now=20, reason="busy")
    queue.advance(21)

    [letter] = dead.peek(now=21)
    assert (letter.body, letter.deaths[0].error, letter.deaths[0].last_at) == ("nacked", "busy", 20)


def test_a_delay_longer_than_the_ttl_ends_in_death_and_not_in_a_delivery():
    dead = WorkQueue("dead")
    queue = WorkQueue("offers", dead_letter_queue=dead)
    queue.send("lamp", delay=10, ttl=5, now=0)

    assert queue.snapshot(now=9).delayed == 1
    assert bodies(queue, 10) == []
    assert dead.peek(now=10)[0].deaths[0].last_at == 10


def test_a_dead_letter_queue_may_have_a_ttl_of_its_own():
    dead = WorkQueue("dead", ttl=100)
    queue = WorkQueue("offers", ttl=5, dead_letter_queue=dead)
    queue.send("lamp", now=0)
    queue.advance(5)

    assert len(dead.peek(now=104.9)) == 1
    assert dead.peek(now=105) == []


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_ttl_is_a_positive_number_of_seconds(bad):
    with pytest.raises(InvalidArgument, match="ttl must be a positive number of seconds"):
        WorkQueue("offers", ttl=bad)
    with pytest.raises(InvalidArgument, match="ttl must be a positive number of seconds"):
        WorkQueue("offers").send("lamp", ttl=bad, now=0)


def test_after_a_restart_nobody_dies_at_a_head_where_it_would_not_have_stood():
    facts = []
    queue = WorkQueue("mails", journal=facts.append)
    queue.send("first of bob", group="bob", ttl=19, now=0)
    queue.send("kept", now=0)
    queue.send("second of bob", group="bob", ttl=7, now=0)
    queue.receive(now=10, max_messages=2, visibility_timeout=8)
    ready = [message.body for message in queue.peek(now=28)]

    tables = Tables(log=lambda fact: None, bindings=lambda *of: None)
    tables.take([["queue", "mails", {}], *facts], Found())
    again = WorkQueue("mails")
    again.restore(tables.queues["mails"], now=28)

    assert ready == ["kept", "second of bob"]
    assert [message.body for message in again.peek(now=28)] == ready
