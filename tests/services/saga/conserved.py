"""What must hold of every run of the shop's sagas, whatever struck: pure functions of a Run."""

from __future__ import annotations

from typing import Any

from classroom.world.run import Run
from services.saga import Event, Progress, SagaState, fold
from services.saga.saga_log import record_of, stories
from services.shop.order_saga import ORDER
from tests.services.saga.order_shop import STOCK


def sagas(run: Run) -> dict[str, Progress]:
    """How far each saga came. Raises IllegalMove for a log that tells an impossible story."""
    told = stories(record_of(row) for row in run.rows("orders", "saga_log"))
    return {saga: fold(saga, records) for saga, records in told.items()}


def wrong_with(run: Run) -> list[str]:
    """All that is wrong, a sentence each."""
    if run.error is not None:
        return [f"the run broke off: {type(run.error).__name__}: {run.error}"]
    wrong = [f"{e.node}: {e.kind} {e.get('error')}" for e in run.of("error", "saga_halted")]
    wrong += [f"{e.node} ended: {e.get('error')}" for e in run.of("exit")]
    try:
        progress = sagas(run)
    except Exception as error:
        return [*wrong, f"{type(error).__name__}: {error}"]
    for saga, end in progress.items():
        if not end.ended:
            wrong.append(f"{saga} has not ended: it is {end.state}, {dict(end.steps)}")
    wrong += effects_of_each_order(run, progress)
    wrong += stock_adds_up(run) + money_adds_up(run, progress)
    wrong += nothing_undone_past_the_pivot(run) + logged_before_sent(run)
    return wrong + what_ada_was_told(run, progress)


def effects_of_each_order(run: Run, progress: dict[str, Progress]) -> list[str]:
    """Completed: all is there, once. Compensated: nothing is left. No saga: nothing was done."""
    wrong = []
    paid = {row["order_id"] for row in run.rows("payments", "charges")}
    back = {row["order_id"] for row in run.rows("payments", "refunds")}
    held = {row["order_id"]: row["state"] for row in run.rows("inventory", "holds")}
    sent = [row["order_id"] for row in run.rows("shipping", "shipments")]
    told = [row["order_id"] for row in run.rows("notifications", "messages")]
    known = {end.data["order"]: end for end in progress.values()}
    for order in paid | back | held.keys() | set(sent) | set(told) | known.keys():
        end = known.get(order)
        completed = end is not None and end.state is SagaState.COMPLETED
        there: dict[str, Any] = {
            "paid": order in paid and order not in back,
            "held": held.get(order, "released"),
            "sent": sent.count(order),
            "told": told.count(order),
        }
        wanted = (
            {"paid": True, "held": "sold", "sent": 1, "told": 1}
            if completed
            else {"paid": False, "held": "released", "sent": 0, "told": 0}
        )
        if there != wanted:
            wrong.append(f"order {order} ended as {end and end.state}: {there}")
    return wrong


def stock_adds_up(run: Run) -> list[str]:
    left = {row["item"]: row["available"] for row in run.rows("inventory", "stock")}
    for row in run.rows("inventory", "holds"):
        if row["state"] != "released":
            left[row["item"]] += row["quantity"]
    return [] if left == STOCK else [f"stock was {STOCK} and is {left} with what was sold"]


def money_adds_up(run: Run, progress: dict[str, Progress]) -> list[str]:
    sold = sum(end.data["amount"] for end in progress.values() if end.state is SagaState.COMPLETED)
    charged = sum(row["amount"] for row in run.rows("payments", "charges"))
    refunded = sum(row["amount"] for row in run.rows("payments", "refunds"))
    wrong = []
    if charged - refunded != sold:
        wrong.append(f"payments took {charged} and gave back {refunded}; sold was for {sold}")
    card = run.rows("card", "charges")
    if card and sum(row["amount"] for row in card) != sold:
        wrong.append(f"the card network's ledger {card} is not {sold}")
    return wrong


def nothing_undone_past_the_pivot(run: Run) -> list[str]:
    """No service gave anything back for an order after its parcel had left."""
    wrong, gone = [], set()
    for event in run.of("shipped", "released", "refunded", "apologised"):
        if event.kind == "shipped":
            gone.add(event["order"])
        elif event["order"] in gone:
            wrong.append(f"order {event['order']} was {event.kind} at {event.at} s, past its pivot")
    return wrong


def logged_before_sent(run: Run) -> list[str]:
    """Before each command that went out there is the record of it on the disk."""
    says = {step.do: (step.name, (Event.START, Event.PIVOT)) for step in ORDER.steps}
    says |= {step.undo: (step.name, (Event.UNDO,)) for step in ORDER.steps if step.undo}
    times = {(row["saga"], row["step"], row["event"]): row["at"] for row in run.rows("orders", "saga_log")}
    wrong = []
    for event in run.of("request", node="orders"):
        step, records = says[f"http://{event['to']}{event['path']}"]
        saga = f"order-{event['body']['order']}"
        if not any(times.get((saga, step, record), event.at + 1) <= event.at for record in records):
            wrong.append(f"{event['path']} for {saga} went out at {event.at} s, and no record says so")
    return wrong


def what_ada_was_told(run: Run, progress: dict[str, Progress]) -> list[str]:
    """202: the order is known. A cancellation that was accepted is kept, one that was refused is not."""
    told, end = run.result, progress.get("order-7")
    if told.get("placed") != 202 or end is None:
        return [f"Ada was told {told}, and the saga is {end}"]
    if told.get("cancel") == 200 and end.state is not SagaState.COMPENSATED:
        return [f"Ada was told that it is cancelled, and it is {end.state}"]
    if told.get("cancel") == 409 and end.reason and "cancelled" in end.reason:
        return ["Ada was told that it is too late, and it was cancelled all the same"]
    return []
