import pytest

from minibroker import InvalidArgument, QueueFull, WorkQueue


def filled(overflow: str, *bodies: object, **settings) -> WorkQueue:
    queue = WorkQueue("charges", max_length=len(bodies), overflow=overflow, **settings)
    for body in bodies:
        queue.send(body, now=0)
    return queue


def waiting(queue: WorkQueue) -> list[object]:
    return [message.body for message in queue.peek(now=9)]


def test_reject_refuses_one_more_and_stores_nothing():
    queue = filled("reject", 1, 2)

    with pytest.raises(QueueFull, match=r"'charges' holds max_length=2 messages.*nothing was stored"):
        queue.send(3, now=1)

    assert waiting(queue) == [1, 2]


def test_drop_oldest_makes_room_and_the_observer_is_told(history):
    queue = filled("drop-oldest", 1, 2, observer=history)

    queue.send(3, now=1)

    assert waiting(queue) == [2, 3]
    assert [event["kind"] for event in history][-2:] == ["dropped", "sent"]
    assert history.last("dropped") == {
        "kind": "dropped",
        "queue": "charges",
        "message": 1,
        "reason": "max_length",
    }


def test_dead_letter_keeps_what_was_pushed_out_with_its_reason():
    dead = WorkQueue("dead")
    queue = filled("dead-letter", 1, 2, dead_letter_queue=dead)

    queue.send(3, now=1)

    assert waiting(queue) == [2, 3]
    assert [(m.body, m.deaths[0].reason, m.deaths[0].last_at) for m in dead.peek(now=1)] == [
        (1, "max_length", 1)
    ]


def test_what_is_hidden_counts_and_what_is_in_flight_is_not_pushed_out():
    queue = filled("drop-oldest", 1, 2)
    held, _ = queue.receive(max_messages=2, now=1)

    with pytest.raises(QueueFull, match="none of them is ready"):
        queue.send(3, now=1)

    queue.nack(held.receipt, now=1)
    queue.send(3, now=1)
    assert waiting(queue) == [3]


def test_giving_a_message_back_never_overflows():
    queue = filled("reject", 1, 2)
    held, _ = queue.receive(max_messages=2, now=1)
    queue.nack(held.receipt, now=1)

    assert waiting(queue) == [1]


def test_a_full_dead_letter_queue_takes_in_what_dies():
    dead = filled("reject", "old")
    queue = WorkQueue("mails", ttl=5, dead_letter_queue=dead)
    queue.send("lamp", now=0)
    queue.advance(5)

    assert waiting(dead) == ["old", "lamp"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_length": 0}, "max_length must be a whole number, 1 or more"),
        ({"overflow": "explode"}, "overflow is one of reject, drop-oldest, dead-letter; got 'explode'"),
        ({"overflow": "dead-letter"}, "needs a dead_letter_queue"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(settings, sentence):
    with pytest.raises(InvalidArgument, match=sentence):
        WorkQueue("charges", **settings)
