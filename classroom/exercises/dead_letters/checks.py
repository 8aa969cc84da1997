"""The promises of exercise 08 as pure checks of a run.

Not here  The sentences in which they are made (e08_dead_letters.py), the words for a broken one (explain.py).
"""

from collections.abc import Iterable

from classroom.checks import Check, Violation, queue_contents
from classroom.exercises.dead_letters.explain import (
    until,
    when,
    why_buried,
    why_charged_twice,
    why_in_the_books,
    why_missing,
    why_not_buried,
    why_twice_in_ledger,
)
from classroom.exercises.dead_letters.system import AMOUNT, DEAD, POISON, QUEUE
from classroom.world.run import Run


def money(orders: Iterable[int], *, lost_is: str = "nothing_lost", with_card: bool = True) -> Check:
    """Each order once in the ledger and once at the card."""

    def check(run: Run) -> list[Violation]:
        violations = []
        for order in orders:
            rows = [row for row in run.rows("ledger", "charges") if row["order_id"] == order]
            charges = run.of("charge", order=order, repeated=False)
            if len(rows) > 1:
                violations.append(
                    Violation("ledger_once", why_twice_in_ledger(run, order, len(rows)), (order,))
                )
            if len(charges) > 1:
                numbers = tuple(event.number for event in charges)
                violations.append(
                    Violation("card_once", why_charged_twice(run, order, charges), (order,), numbers)
                )
            if not rows or (with_card and not charges):
                text = why_missing(run, order, rows, charges, with_card=with_card)
                violations.append(Violation(lost_is, text, (order,)))
            elif rows[0]["amount"] != AMOUNT and order != POISON:
                text = (
                    f"Order {order} stands in the ledger with {rows[0]['amount']!r}; {AMOUNT} were charged."
                )
                violations.append(Violation("ledger_once", text, (order,)))
        return violations

    return check


def dead_letters_hold(*poison: int) -> Check:
    """At the end, or at the moment when the cause was mended, the dead letters are these orders."""

    def check(run: Run) -> list[Violation]:
        before = until(run, "mended")
        bodies = {event["message"]: event["body"]["order"] for event in before.of("sent", queue=QUEUE)}
        buried = [bodies.get(message) for message in queue_contents(before, DEAD)]
        violations = [
            Violation("dead_letters", why_buried(before, order), (order,))
            for order in buried
            if order not in poison
        ]
        for order in poison:
            if buried.count(order) != 1:
                violations.append(Violation("dead_letters", why_not_buried(before, order), (order,)))
        return violations

    return check


def books_are_true(run: Run) -> list[Violation]:
    """What the operator read in the ledger before the cause was mended: only what a card was charged for."""
    violations = []
    for reading in run.of("books"):
        charged = {event["order"] for event in run.of("charge") if event.number < reading.number}
        for order in reading["orders"]:
            if order not in charged:
                violations.append(Violation("books", why_in_the_books(run, order), (order,)))
    return violations


def redriven(run: Run) -> list[Violation]:
    """After the cause was mended, nothing is dead any more and the poison has been charged, once."""
    left = queue_contents(run, DEAD)
    if left:
        again = run.of("dead", to=DEAD)[-1]
        text = (
            f"The cause was mended at {when(run, 'mended')} and the dead letters were redriven; at the end "
            f"{len(left)} of them {'is' if len(left) == 1 else 'are'} dead again, "
            f"since {again.at:.0f} s, because of: {again['reason']}."
        )
        return [Violation("redrive", text, (POISON,))]
    violations = money((POISON,), lost_is="redrive")(run)
    return [
        Violation("redrive", violation.message, violation.about, violation.events) for violation in violations
    ]
