"""The twenty lessons of the course: what each asks, how long it takes, and what it leans on.

Idea      One list, from which the map is drawn and with which README's table is compared. Whether a lesson
          is here already is not written down: its notebook is there or not.
Spine     The lessons that are a way through by themselves; each of the others goes deeper into what stands
          before it.
Not here  The map's drawing (classroom.pictures.course_map).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lesson:
    """`minutes` of the lesson, and of its `exercise` (0: it has none)."""

    number: str
    title: str
    question: str  # that it opens with
    minutes: int
    exercise: int = 0
    spine: bool = False


LESSONS = (
    Lesson("00", "Start here", "What happens to an order when one service blinks?", 20, spine=True),
    Lesson(
        "01",
        "The distributed monolith",
        "Four services, each up 99.9 % of the time: how often is the shop open?",
        35,
        15,
        spine=True,
    ),
    Lesson("02", 'REST: no answer is not "no"', "Ada's request timed out. Was she charged?", 45),
    Lesson(
        "03",
        "gRPC: contracts and streams",
        "Why do fifty calls need fifty connections here and one there?",
        45,
    ),
    Lesson("04", "Deadlines", "Who is still working for a customer who left?", 35),
    Lesson(
        "05",
        "Retries, and the storm they make",
        "The database stalled for 3 seconds. Why is the shop still down an hour later?",
        40,
        25,
        spine=True,
    ),
    Lesson(
        "06",
        "Circuit breakers and bulkheads",
        "Why does a slow recommendation service close the checkout?",
        45,
    ),
    Lesson("07", "Message queues", "The worker was off for a minute. How long until the queue is empty?", 45),
    Lesson(
        "08",
        "Dead letters and idempotent consumers",
        "Why was order 7 charged twice, and why is order 13 stuck for ever?",
        40,
        20,
        spine=True,
    ),
    Lesson(
        "09",
        "Two writes, one crash: the outbox",
        "The order is in the database. Why did nobody hear of it?",
        40,
    ),
    Lesson(
        "10",
        "The replayable log",
        "Can a service that did not exist last week know last week?",
        45,
        30,
        spine=True,
    ),
    Lesson("11", "CQRS", "Ada changed her address. Why does the page show the old one?", 30, 20, spine=True),
    Lesson("12", "Event sourcing", "What was the balance on the 3rd, and who says so?", 50),
    Lesson(
        "13",
        "Sagas",
        "The stock is reserved, the card is refused. Who undoes what?",
        45,
        45,
        spine=True,
    ),
    Lesson("14", "Distributed tracing", "Which of the services lost four seconds?", 35, 20, spine=True),
    Lesson(
        "15",
        "Gateway and mesh",
        "The gateway checks every token. Why could the intruder read the payments?",
        55,
    ),
    Lesson("16", "Change without breaking anyone", "Which of these four changes may be deployed alone?", 40),
    Lesson("17", "Choosing a pattern", "Queue, log, or call?", 40),
    Lesson(
        "18",
        "Game day: the payment system",
        "Everything fails at once. Does any money go missing?",
        90,
    ),
    Lesson(
        "19",
        "Leaving the classroom",
        "What changes when it is RabbitMQ, Kafka, Envoy and a hundred machines?",
        40,
    ),
)
