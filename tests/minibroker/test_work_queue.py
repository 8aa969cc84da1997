from typing import Any

import pytest

from minibroker import InvalidArgument, Lease, Message, Reason, StaleReceipt, State, WorkQueue


def sent(queue: WorkQueue, *bodies: Any, now: float = 0.0) -> WorkQueue:
    for body in bodies:
        queue.send(body, now=now)
    return queue


def only(leases: list[Lease]) -> Lease:
    [lease] = leases
    return lease


def bodies(queue: WorkQueue, *, now: float) -> list[Any]:
    return [lease.message.body for lease in queue.receive(max_messages=100, now=now)]


# -- the lease ------------------------------------------------------------------------------------


def test_a_received_message_is_hidden_from_all_others():
    queue = sent(WorkQueue("charges"), "lamp")

    first = only(queue.receive(now=0, consumer="ada"))

    assert (first.message.body, first.receive_count, first.until) == ("lamp", 1, 30)
    assert queue.receive(now=29.999) == []


def test_an_unacked_message_is_delivered_again_when_visibility_timeout_has_passed():
    queue = sent(WorkQueue("charges", visibility_timeout=5), "lamp")
    queue.receive(now=1)

    again = only(queue.receive(now=6))

    assert (again.message.body, again.receive_count, again.until) == ("lamp", 2, 11)


def test_an_acked_message_is_gone():
    queue = sent(WorkQueue("charges"), "lamp")

    queue.ack(only(queue.receive(now=0)).receipt, now=1)

    assert queue.receive(now=1000) == []
    assert queue.snapshot(now=1000).acked == 1


def test_one_receive_can_ask_for_a_lease_of_its_own_length():
    queue = sent(WorkQueue("charges"), "lamp")

    assert only(queue.receive(now=0, visibility_timeout=2)).until == 2
    assert only(queue.receive(now=2)).until == 32


def test_receive_takes_at_most_max_messages():
    queue = sent(WorkQueue("charges"), 1, 2, 3)

    assert [lease.message.body for lease in queue.receive(max_messages=2, now=0)] == [1, 2]
    assert [lease.message.body for lease in queue.receive(max_messages=2, now=0)] == [3]


def test_a_receipt_is_the_messages_id_and_how_often_it_was_received():
    queue = sent(WorkQueue("charges", visibility_timeout=1), *"abcdefg")
    queue.receive(max_messages=6, now=0, visibility_timeout=100)

    assert [only(queue.receive(now=now)).receipt for now in (0, 1, 2)] == ["7.1", "7.2", "7.3"]


def test_extend_counts_from_the_call_and_not_from_the_old_end():
    queue = sent(WorkQueue("charges", visibility_timeout=30), "lamp")
    receipt = only(queue.receive(now=0)).receipt

    assert queue.extend(receipt, 40, now=10) == 50
    assert queue.extend(receipt, 5, now=20) == 25

    assert queue.receive(now=24) == []
    assert only(queue.receive(now=25)).receive_count == 2


def test_extending_again_and_again_keeps_the_lease():
    queue = sent(WorkQueue("charges", visibility_timeout=2), "lamp")
    receipt = only(queue.receive(now=0)).receipt

    for second in range(1, 500):
        queue.extend(receipt, 2, now=second)

    queue.ack(receipt, now=500.5)


# -- stale receipts ---------------------------------------------------------------------------------


def test_an_ack_at_the_moment_the_lease_ends_is_too_late():
    queue = sent(WorkQueue("charges"), "lamp")
    receipt = only(queue.receive(now=0)).receipt

    with pytest.raises(
        StaleReceipt, match=r"cannot ack: receipt 1\.1 is not leased at t=30s.*is ready again"
    ):
        queue.ack(receipt, now=30)


def test_a_stale_receipt_says_who_holds_the_message_now():
    queue = sent(WorkQueue("charges"), "lamp")
    late = only(queue.receive(now=0, consumer="worker-1")).receipt
    queue.receive(now=30, consumer="worker-2")

    with pytest.raises(
        StaleReceipt, match=r"now leased to worker-2 as 1\.2, until t=60s.*visibility_timeout"
    ):
        queue.ack(late, now=40)


def test_a_late_ack_does_not_touch_the_lease_of_the_new_holder():
    queue = sent(WorkQueue("charges"), "lamp")
    late = only(queue.receive(now=0)).receipt
    current = only(queue.receive(now=30)).receipt

    for move in (
        lambda: queue.ack(late, now=40),
        lambda: queue.nack(late, now=40),
        lambda: queue.reject(late, "no", now=40),
        lambda: queue.extend(late, 99, now=40),
    ):
        with pytest.raises(StaleReceipt):
            move()

    queue.ack(current, now=59.9)


def test_acking_twice_is_stale_and_says_that_the_message_has_left():
    queue = sent(WorkQueue("charges"), "lamp")
    receipt = only(queue.receive(now=0)).receipt
    queue.ack(receipt, now=1)

    with pytest.raises(StaleReceipt, match="message 1 has left queue 'charges'"):
        queue.ack(receipt, now=1)


def test_a_nack_ends_the_lease_so_that_an_ack_after_it_is_stale():
    queue = sent(WorkQueue("charges"), "lamp")
    receipt = only(queue.receive(now=0)).receipt
    queue.nack(receipt, now=1)

    with pytest.raises(StaleReceipt, match="given back"):
        queue.ack(receipt, now=1)


# -- order ------------------------------------------------------------------------------------------


def test_messages_are_received_in_the_order_in_which_they_were_sent():
    assert bodies(sent(WorkQueue("charges"), 3, 1, 2), now=0) == [3, 1, 2]


def test_a_nacked_message_goes_back_to_its_place_ahead_of_younger_ones():
    queue = sent(WorkQueue("charges"), 1, 2, 3)
    queue.nack(only(queue.receive(now=0)).receipt, now=0)

    assert bodies(queue, now=0) == [1, 2, 3]


def test_expired_messages_go_back_to_their_places_whatever_the_order_of_expiry():
    queue = sent(WorkQueue("charges"), 1, 2, 3)
    for timeout in (9, 5, 7):
        queue.receive(now=0, visibility_timeout=timeout)

    assert bodies(queue, now=10) == [1, 2, 3]


def test_a_delayed_message_takes_its_place_when_its_delay_is_over():
    queue = WorkQueue("charges")
    queue.send("later", now=0, delay=10)
    queue.send("now", now=1)

    assert bodies(queue, now=9.9) == ["now"]
    assert bodies(queue, now=10) == ["later"]


# -- nack, delay, dead letters -----------------------------------------------------------------------


def test_a_nack_with_a_delay_hides_the_message_for_so_long():
    queue = sent(WorkQueue("charges"), "lamp")
    queue.nack(only(queue.receive(now=0)).receipt, delay=7, now=1)

    assert queue.receive(now=7.9) == []
    assert only(queue.receive(now=8)).receive_count == 2


def test_a_delay_longer_than_the_visibility_timeout_makes_no_duplicate():
    queue = sent(WorkQueue("charges", visibility_timeout=5), "lamp")
    queue.nack(only(queue.receive(now=0)).receipt, delay=100, now=0)

    assert queue.receive(now=99) == []
    assert len(queue.receive(max_messages=9, now=100)) == 1


def test_a_deadline_that_a_nack_left_behind_does_not_end_a_later_lease():
    queue = sent(WorkQueue("charges", visibility_timeout=30), "lamp")
    queue.nack(only(queue.receive(now=0)).receipt, now=1)
    again = only(queue.receive(now=1))

    assert queue.next_deadline() == 31
    queue.ack(again.receipt, now=30.5)


@pytest.mark.parametrize("max_receive_count", [1, 2, 5])
def test_a_message_is_delivered_exactly_max_receive_count_times_and_then_dead_lettered(max_receive_count):
    dead = WorkQueue("charges-dead")
    queue = WorkQueue(
        "charges", visibility_timeout=10, max_receive_count=max_receive_count, dead_letter_queue=dead
    )
    sent(queue, "poison")

    deliveries = [queue.receive(now=10 * n) for n in range(20)]

    assert [len(leases) for leases in deliveries] == [1] * max_receive_count + [0] * (20 - max_receive_count)
    assert dead.ready == 1


def test_the_last_nack_dead_letters_at_once_with_the_error_it_gave():
    dead = WorkQueue("charges-dead")
    queue = sent(WorkQueue("charges", max_receive_count=2, dead_letter_queue=dead), "poison")
    queue.nack(only(queue.receive(now=0)).receipt, reason="amount is 'many'", now=1)
    queue.nack(only(queue.receive(now=2)).receipt, delay=60, reason="amount is still 'many'", now=3)

    [letter] = dead.peek(now=3)
    [death] = letter.deaths

    assert (death.queue, death.reason, death.count) == ("charges", Reason.MAX_RECEIVE_COUNT, 1)
    assert (death.first_at, death.last_at, death.receive_count) == (3, 3, 2)
    assert death.error == "amount is still 'many'"


def test_a_last_nack_without_a_word_keeps_the_error_of_an_earlier_one():
    dead = WorkQueue("charges-dead")
    queue = sent(WorkQueue("charges", max_receive_count=2, dead_letter_queue=dead), "poison")
    queue.nack(only(queue.receive(now=0)).receipt, reason="no such card", now=1)
    queue.nack(only(queue.receive(now=2)).receipt, now=3)

    [letter] = dead.peek(now=3)
    assert letter.deaths[0].error == "no such card"


def test_a_last_lease_that_ran_out_keeps_the_error_of_an_earlier_nack_and_dies_when_it_ended():
    dead = WorkQueue("charges-dead")
    queue = sent(WorkQueue("charges", max_receive_count=2, dead_letter_queue=dead), "poison")
    queue.nack(only(queue.receive(now=0)).receipt, reason="no such card", now=1)
    queue.receive(now=2)

    queue.advance(now=500)

    [letter] = dead.peek(now=500)
    assert (letter.deaths[0].error, letter.deaths[0].last_at) == ("no such card", 32)


def test_a_rejected_message_is_dead_lettered_at_the_first_delivery():
    dead = WorkQueue("charges-dead")
    queue = sent(WorkQueue("charges", max_receive_count=5, dead_letter_queue=dead), "poison")

    queue.reject(only(queue.receive(now=0)).receipt, "not an order", now=1)

    [letter] = dead.peek(now=1)
    assert (letter.deaths[0].reason, letter.deaths[0].error) == (Reason.REJECTED, "not an order")
    assert queue.snapshot(now=1).dead_lettered == 1


def test_a_dead_letter_keeps_id_body_headers_and_the_time_it_was_first_sent():
    dead = WorkQueue("charges-dead")
    queue = WorkQueue("charges", dead_letter_queue=dead)
    message_id = queue.send({"order": 13}, headers={"traceparent": "00-1-2-01"}, now=4)

    queue.reject(only(queue.receive(now=5)).receipt, "no", now=6)

    [letter] = dead.peek(now=7)
    assert (letter.id, letter.body, letter.enqueued_at) == (message_id, {"order": 13}, 4)
    assert letter.headers == {"traceparent": "00-1-2-01"}


def test_without_a_dead_letter_queue_a_rejected_message_is_dropped_and_the_observer_is_told(history):
    queue = sent(WorkQueue("charges", observer=history), "poison")

    queue.reject(only(queue.receive(now=0)).receipt, "no", now=0)

    assert queue.snapshot(now=0).depth == 0
    assert history.last("dead") == {
        "kind": "dead",
        "queue": "charges",
        "message": 1,
        "reason": "rejected",
        "to": None,
        "receive_count": 1,
    }


def test_max_receive_count_without_a_dead_letter_queue_is_refused_because_it_would_lose_messages():
    with pytest.raises(InvalidArgument, match="needs a dead_letter_queue, or a message would be lost"):
        WorkQueue("charges", max_receive_count=3)


def test_without_max_receive_count_poison_comes_back_for_ever():
    queue = sent(WorkQueue("charges", visibility_timeout=1), "poison")

    assert [only(queue.receive(now=n)).receive_count for n in range(50)] == list(range(1, 51))


# -- time, looking, the observer ------------------------------------------------------------------------


def test_next_deadline_is_the_end_of_the_first_lease_or_delay():
    queue = sent(WorkQueue("charges"), 1)
    assert queue.next_deadline() is None

    receipt = only(queue.receive(now=0)).receipt
    queue.send(2, delay=50, now=0)
    assert queue.next_deadline() == 30

    queue.ack(receipt, now=1)
    assert queue.next_deadline() == 50


def test_what_fell_due_is_done_in_the_order_in_which_it_fell_due(history):
    queue = sent(WorkQueue("charges", observer=history), 1, 2, 3)
    for timeout in (9, 5, 7):
        queue.receive(now=0, visibility_timeout=timeout)

    queue.advance(now=100)

    assert [event["message"] for event in history if event["kind"] == "expired"] == [2, 3, 1]


def test_peek_and_snapshot_count_as_no_receive():
    queue = sent(WorkQueue("charges"), 1, 2, 3)

    assert [message.body for message in queue.peek(2, now=0)] == [1, 2]
    queue.snapshot(now=0)

    assert only(queue.receive(now=0)).receive_count == 1
    assert [message.body for message in queue.peek(now=0)] == [2, 3]
    assert [message.body for message in queue.peek(now=0, state=State.IN_FLIGHT)] == [1]


def test_a_snapshot_counts_every_message_in_one_place():
    queue = sent(WorkQueue("charges", dead_letter_queue=WorkQueue("dead")), *range(10), now=1)
    queue.send("later", delay=100, now=2)
    leases = queue.receive(max_messages=5, now=3)
    queue.ack(leases[0].receipt, now=3)
    queue.reject(leases[1].receipt, "no", now=3)

    snapshot = queue.snapshot(now=4)

    assert (snapshot.ready, snapshot.delayed, snapshot.in_flight) == (5, 1, 3)
    assert (snapshot.acked, snapshot.dead_lettered, snapshot.depth) == (1, 1, 9)
    assert snapshot.oldest_age == 3
    assert WorkQueue("empty").snapshot(now=4).oldest_age is None


def test_the_observer_is_told_each_move_with_the_data_of_the_table(history):
    queue = WorkQueue("charges", observer=history)
    queue.send({"order": 7}, now=0, delay=2)
    first = only(queue.receive(now=2, consumer="w1"))
    queue.extend(first.receipt, 5, now=3)
    again = only(queue.receive(now=8, consumer="w2"))
    with pytest.raises(StaleReceipt):
        queue.ack(first.receipt, now=8)
    queue.nack(again.receipt, delay=1, reason="busy", now=9)
    queue.ack(only(queue.receive(now=10)).receipt, now=11)

    at = {"queue": "charges", "message": 1}
    assert history == [
        {"kind": "sent", **at, "body": {"order": 7}, "delay": 2},
        {"kind": "leased", **at, "receipt": "1.1", "receive_count": 1, "until": 32, "consumer": "w1"},
        {"kind": "extended", **at, "receipt": "1.1", "until": 8},
        {"kind": "expired", **at, "receipt": "1.1", "receive_count": 1, "consumer": "w1"},
        {"kind": "leased", **at, "receipt": "1.2", "receive_count": 2, "until": 38, "consumer": "w2"},
        {"kind": "stale", **at, "receipt": "1.1", "operation": "ack"},
        {"kind": "nacked", **at, "delay": 1, "reason": "busy"},
        {"kind": "leased", **at, "receipt": "1.3", "receive_count": 3, "until": 40, "consumer": ""},
        {"kind": "acked", **at, "receipt": "1.3"},
    ]


# -- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "3", None, True, 10**400, [1]])
def test_a_delay_must_be_a_finite_number_of_seconds(bad):
    queue = WorkQueue("charges")

    with pytest.raises(InvalidArgument, match=r"delay must be a number of seconds, 0 or more; got "):
        queue.send("lamp", delay=bad, now=0)

    assert queue.snapshot(now=0).depth == 0


@pytest.mark.parametrize("bad", [0, -5, float("nan")])
def test_a_lease_must_last_some_time(bad):
    with pytest.raises(InvalidArgument, match="visibility_timeout must be a positive number of seconds"):
        WorkQueue("charges", visibility_timeout=bad)
    queue = sent(WorkQueue("charges"), "lamp")
    with pytest.raises(InvalidArgument, match="timeout must be a positive number of seconds"):
        queue.extend(only(queue.receive(now=0)).receipt, bad, now=0)


@pytest.mark.parametrize(
    "bad", ["", "7", "7.", ".2", "7.2.1", "a.b", "7.-2", "٧.٢", "9" * 99 + ".1", 7, None]
)
def test_what_is_no_receipt_is_refused_as_such_and_not_as_stale(bad):
    with pytest.raises(InvalidArgument, match="receipt"):
        WorkQueue("charges").ack(bad, now=0)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2", None])
def test_max_messages_is_a_whole_number_from_1(bad):
    with pytest.raises(InvalidArgument, match="max_messages must be a whole number, 1 or more"):
        WorkQueue("charges").receive(max_messages=bad, now=0)


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "ü", "x" * 81, 7, "a\n"])
def test_a_queues_name_can_stand_in_a_url(bad):
    with pytest.raises(InvalidArgument, match="name is 1 to 80 letters"):
        WorkQueue(bad)


@pytest.mark.parametrize("bad", [{"n": 1}, {1: "n"}, "text", ["a"]])
def test_headers_are_strings(bad):
    with pytest.raises(InvalidArgument, match="headers"):
        WorkQueue("charges").send("lamp", headers=bad, now=0)


def test_queues_that_exchange_messages_count_ids_together():
    dead = WorkQueue("dead")
    queue = WorkQueue("charges", dead_letter_queue=dead)

    assert [dead.send("a", now=0), queue.send("b", now=0), dead.send("c", now=0)] == [1, 2, 3]


def test_a_message_survives_the_way_through_json():
    dead = WorkQueue("dead")
    queue = sent(WorkQueue("charges", dead_letter_queue=dead), {"a": [1, None]})
    queue.reject(only(queue.receive(now=0)).receipt, "no", now=0)
    [letter] = dead.peek(now=0)

    assert Message.from_json(letter.to_json()) == letter
