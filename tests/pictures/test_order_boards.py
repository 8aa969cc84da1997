"""The boards of an order of the shop, and of a transaction in two phases, drawn from runs of the services."""

import xml.etree.ElementTree as ElementTree
from functools import partial

import pytest

from classroom import Crash, Delay, simulate
from classroom.pictures import order_board, two_phase_board
from classroom.pictures.order_board import progress_of
from classroom.pictures.two_phase_board import locked
from services.saga.two_phase_commit import two_phase_coordinator
from services.saga.two_phase_participant import two_phase_participant
from services.shop.inventory import inventory
from services.shop.notifications import notifications
from services.shop.order_saga import order_desk
from services.shop.payments import payments
from services.shop.shipping import shipping
from tests.pictures.boxes import collisions, outside

BODY = {"order": 7, "customer": "Ada", "item": "lamp", "quantity": 2, "amount": 1990}
WORK = {
    "http://inventory": {"account": "lamp", "amount": 1},
    "http://payments": {"account": "ada", "amount": 1990},
}


def an_order(*faults, out_of_reach=(), **options):
    async def scenario(world):
        world.start("inventory", partial(inventory, in_saga=True))
        world.start("payments", partial(payments, in_saga=True))
        world.start("shipping", partial(shipping, in_saga=True, out_of_reach=out_of_reach))
        world.start("notifications", partial(notifications, in_saga=True))
        world.start("orders", partial(order_desk, **options))
        await world.client("ada").post("http://orders/orders", json=BODY)
        await world.run_for(30)

    run = simulate(scenario, faults=faults)
    run.raise_error()
    return run


def a_transaction(*faults):
    async def scenario(world):
        world.start("coordinator", two_phase_coordinator)
        for name, accounts, other in (
            ("inventory", {"lamp": 1}, "http://payments"),
            ("payments", {"ada": 5000}, "http://inventory"),
        ):
            world.start(name, partial(two_phase_participant, accounts=accounts, others=[other]))
        try:
            await world.client("ada").post("http://coordinator/transactions/order-7", json=WORK)
        except Exception as error:
            world.record("gave_up", why=type(error).__name__)
        await world.run_for(15)

    run = simulate(scenario, faults=faults)
    run.raise_error()
    return run


def dies_after_the_votes(down):
    number = next(e.number for e in a_transaction().effects if "INTO decisions" in e.what)
    return Crash("coordinator", before=number, down=down)


LATE = Delay("orders", "payments", nth=1, by=8.0)


def boards():
    return {
        "completed": order_board(an_order()),
        "refused": order_board(an_order(out_of_reach=["Ada"])),
        "late": order_board(an_order(LATE, attempts=1)),
        "killed": order_board(an_order(LATE, Crash("orders", at=0.5, down=2.0))),
        "committed": two_phase_board(a_transaction(), ["inventory", "payments"]),
        "blocked": two_phase_board(a_transaction(dies_after_the_votes(None)), ["inventory", "payments"]),
    }


def test_no_letters_stand_on_others_or_leave_the_paper():
    for name, picture in boards().items():
        ElementTree.fromstring(picture.svg)
        assert collisions(picture.svg) == [], name
        assert outside(picture.svg) == [], name
        assert picture.alt.startswith(picture.title)


def lines(picture):
    return [" ".join(line.split()[2:]) for line in picture.text.splitlines()]


def test_the_log_and_what_the_services_hold_stand_in_the_order_of_time():
    found = lines(order_board(an_order()))
    assert found[:4] == [
        "saga log begin",
        "saga log start hold",
        "inventory 2 lamps held",
        "saga log done hold",
    ]
    assert found[-2:] == ["saga log done mail", "saga log end"]
    assert "payments 19.90 taken" in found


def test_the_title_says_how_it_ended_and_why_and_how_often_the_coordinator_died():
    run = an_order(Crash("orders", at=0.01, down=2.0), out_of_reach=["Ada"])
    assert order_board(run).title == (
        "Order 7 is compensated (ship: refused, 409 no carrier drives to Ada); its coordinator died once"
    )


def test_a_compensation_that_found_nothing_is_a_tombstone_and_the_late_command_takes_nothing():
    found = lines(order_board(an_order(LATE, attempts=1)))
    assert "payments a tombstone" in found
    assert not [line for line in found if "taken" in line]


def test_an_order_that_is_not_in_the_log_is_refused_in_words():
    run = an_order()
    assert progress_of(run, 8).state == "new"
    with pytest.raises(ValueError, match="there are no marks"):
        order_board(run, 8)


def test_who_has_voted_is_locked_until_he_knows():
    run = a_transaction(dies_after_the_votes(10.0))
    assert locked(run, "inventory") == pytest.approx(10, abs=0.2)
    title = two_phase_board(run, ["inventory", "payments"]).title
    assert title.startswith("The outcome: aborted; ") and title.endswith(" was locked for 10 s")


def test_an_outcome_that_is_told_twice_stands_there_once():
    told = next(e.number for e in a_transaction().effects if "payments/transactions/order-7/commit" in e.what)
    picture = two_phase_board(
        a_transaction(Crash("coordinator", before=told, down=5.0)), ["inventory", "payments"]
    )
    assert [line for line in lines(picture) if "committed" in line] == [
        "inventory committed",
        "payments committed",
    ]


def test_who_never_hears_is_locked_to_the_end_and_says_once_that_nobody_knows():
    picture = boards()["blocked"]
    assert picture.title == "At the end inventory and payments are still locked"
    assert len([line for line in lines(picture) if "nobody knows" in line]) == 2
