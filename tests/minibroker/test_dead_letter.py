import pytest

from minibroker import Broker, InvalidArgument, NoSuchQueue, Reason, StaleReceipt, WorkQueue
from minibroker.dead_letter import redrive


def shop(*names: str, **settings):
    """Queues that share one dead-letter queue, and the way to find them."""
    dead = WorkQueue("dead", observer=settings.get("observer"))
    queues = {name: WorkQueue(name, dead_letter_queue=dead, **settings) for name in names}
    return {**queues, "dead": dead}


def kill(queue: WorkQueue, body, *, now: float = 0.0, why: str = "no") -> int:
    message_id = queue.send(body, now=now)
    [lease] = queue.receive(now=now)
    queue.reject(lease.receipt, why, now=now)
    return message_id


def test_redrive_moves_each_message_back_to_the_queue_in_which_it_died():
    at = shop("charges", "mails")
    kill(at["charges"], "a")
    kill(at["mails"], "b")

    moved = redrive(at["dead"], now=1, find=at.__getitem__)

    assert {id: queue.name for id, queue in moved.items()} == {1: "charges", 2: "mails"}
    assert [m.body for m in at["charges"].peek(now=1)] == ["a"]
    assert [m.body for m in at["mails"].peek(now=1)] == ["b"]
    assert at["dead"].snapshot(now=1).depth == 0


def test_redrive_can_move_all_to_one_queue():
    at = shop("charges", "mails")
    kill(at["charges"], "a")
    kill(at["mails"], "b")

    redrive(at["dead"], now=1, find=at.__getitem__, to="mails")

    assert [m.body for m in at["mails"].peek(now=1)] == ["a", "b"]


def test_redrive_can_try_one_before_the_rest():
    at = shop("charges")
    for n in range(3):
        kill(at["charges"], n)

    redrive(at["dead"], now=1, find=at.__getitem__, limit=1)

    assert [m.body for m in at["charges"].peek(now=1)] == [0]
    assert [m.body for m in at["dead"].peek(now=1)] == [1, 2]


def test_redrive_can_choose_by_a_predicate_and_the_limit_counts_what_is_chosen():
    at = shop("charges")
    for n in range(6):
        kill(at["charges"], n)

    redrive(at["dead"], now=1, find=at.__getitem__, limit=2, match=lambda message: message.body % 2 == 1)

    assert [m.body for m in at["charges"].peek(now=1)] == [1, 3]
    assert [m.body for m in at["dead"].peek(now=1)] == [0, 2, 4, 5]


def test_a_redriven_message_is_received_as_if_for_the_first_time_but_keeps_its_record():
    at = shop("charges", max_receive_count=2)
    kill(at["charges"], "a")
    redrive(at["dead"], now=1, find=at.__getitem__)

    [lease] = at["charges"].receive(now=2)

    assert lease.receive_count == 1
    assert [death.reason for death in lease.message.deaths] == [Reason.REJECTED]


def test_the_receipt_of_before_the_redrive_does_not_fit_the_lease_after_it():
    at = shop("charges")
    at["charges"].send("a", now=0)
    [before] = at["charges"].receive(now=0)
    at["charges"].reject(before.receipt, "no", now=0)
    redrive(at["dead"], now=1, find=at.__getitem__)
    [after] = at["charges"].receive(now=2)

    with pytest.raises(StaleReceipt):
        at["charges"].ack(before.receipt, now=3)

    assert before.receive_count == after.receive_count == 1
    at["charges"].ack(after.receipt, now=3)


def test_a_receipt_of_the_dead_letter_queue_does_not_fit_there_after_a_second_death():
    at = shop("charges")
    kill(at["charges"], "a")
    looks = [at["dead"].receive(now=n, visibility_timeout=1)[0].receipt for n in range(2)]
    redrive(at["dead"], now=2, find=at.__getitem__)
    [lease] = at["charges"].receive(now=2)
    at["charges"].reject(lease.receipt, "no", now=2)
    [look] = at["dead"].receive(now=2)

    assert [*looks, lease.receipt, look.receipt] == ["1.2", "1.3", "1.4", "1.5"]
    with pytest.raises(StaleReceipt):
        at["dead"].ack(looks[-1], now=2)


def test_redrive_without_a_cure_is_a_loop_with_a_number_on_it():
    at = shop("charges")
    kill(at["charges"], "poison", now=0, why="first")
    for n in (1, 2):
        redrive(at["dead"], now=n, find=at.__getitem__)
        [lease] = at["charges"].receive(now=n)
        at["charges"].reject(lease.receipt, f"again {n}", now=n)

    [letter] = at["dead"].peek(now=2)
    [death] = letter.deaths
    assert (death.count, death.first_at, death.last_at, death.error) == (3, 0, 2, "again 2")


def test_there_is_one_entry_a_queue_and_reason_with_the_newest_first():
    at = shop("charges", "mails", max_receive_count=1)
    kill(at["charges"], "a", now=0)
    redrive(at["dead"], now=1, find=at.__getitem__)
    at["charges"].receive(now=1)
    at["charges"].advance(now=100)
    redrive(at["dead"], now=100, find=at.__getitem__, to="mails")
    [lease] = at["mails"].receive(now=100)
    at["mails"].reject(lease.receipt, "no", now=101)

    [letter] = at["dead"].peek(now=101)
    assert [(death.queue, str(death.reason), death.count) for death in letter.deaths] == [
        ("mails", "rejected", 1),
        ("charges", "max_receive_count", 1),
        ("charges", "rejected", 1),
    ]
    [moved_to] = redrive(at["dead"], now=101, find=at.__getitem__).values()
    assert moved_to.name == "mails"


def test_redrive_goes_back_one_queue_at_a_time_and_never_to_where_the_message_is():
    grave = WorkQueue("grave")
    dead = WorkQueue("dead", dead_letter_queue=grave)
    charges = WorkQueue("charges", dead_letter_queue=dead)
    find = {"charges": charges, "dead": dead, "grave": grave}.__getitem__
    kill(charges, "a")
    [lease] = dead.receive(now=1)
    dead.reject(lease.receipt, "not even here", now=1)

    redrive(grave, now=2, find=find)
    assert [m.body for m in dead.peek(now=2)] == ["a"]

    redrive(dead, now=3, find=find)
    assert [m.body for m in charges.peek(now=3)] == ["a"]


def test_a_redriven_message_gets_the_last_place():
    at = shop("charges")
    kill(at["charges"], "old")
    at["charges"].send("young", now=1)

    redrive(at["dead"], now=2, find=at.__getitem__)

    assert [m.body for m in at["charges"].peek(now=2)] == ["young", "old"]


def test_a_message_that_was_sent_to_the_dead_letter_queue_itself_has_no_origin_and_stays():
    at = shop("charges")
    at["dead"].send("by hand", now=0)
    kill(at["charges"], "a")

    redrive(at["dead"], now=1, find=at.__getitem__)

    assert [m.body for m in at["dead"].peek(now=1)] == ["by hand"]
    assert len(redrive(at["dead"], now=1, find=at.__getitem__, to="charges")) == 1


def test_a_dead_letter_that_somebody_has_leased_stays():
    at = shop("charges")
    kill(at["charges"], "a")
    [lease] = at["dead"].receive(now=1)

    assert redrive(at["dead"], now=1, find=at.__getitem__) == {}

    at["dead"].ack(lease.receipt, now=2)


def test_what_stays_after_a_redrive_can_still_be_received_in_order():
    at = shop("charges")
    for n in range(5):
        kill(at["charges"], n)

    redrive(at["dead"], now=1, find=at.__getitem__, match=lambda message: message.body in (0, 2))

    assert [lease.message.body for lease in at["dead"].receive(max_messages=9, now=1)] == [1, 3, 4]


def test_if_one_destination_is_missing_nothing_has_moved():
    at = shop("charges", "mails")
    kill(at["charges"], "a")
    kill(at["mails"], "b")
    del at["mails"]

    with pytest.raises(KeyError):
        redrive(at["dead"], now=1, find=at.__getitem__)

    assert at["dead"].snapshot(now=1).ready == 2
    assert at["charges"].snapshot(now=1).depth == 0


def test_the_observer_is_told_of_each_redriven_message(history):
    at = shop("charges", observer=history)
    kill(at["charges"], "a")

    redrive(at["dead"], now=1, find=at.__getitem__)

    assert history[-1] == {
        "kind": "redriven",
        "queue": "charges",
        "message": 1,
        "source": "dead",
        "to": "charges",
    }


def test_redrive_refuses_what_makes_no_sense():
    broker = Broker(clock=lambda: 0.0)
    broker.create_queue("charges", dead_letter_queue="dead")

    with pytest.raises(InvalidArgument, match="to itself would move nothing"):
        broker.redrive("dead", to="dead")
    with pytest.raises(InvalidArgument, match="limit must be a whole number, 1 or more"):
        broker.redrive("dead", limit=0)
    with pytest.raises(NoSuchQueue, match="no queue 'chrages'; there are: charges, dead"):
        broker.redrive("dead", to="chrages")
