"""The pictures of a retry storm: goodput, remedies, wasted work, the tree of calls, histograms, breakers."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from functools import cache, partial
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from classroom import Pause, simulate
from classroom.pictures import (
    Picture,
    breaker_strip,
    call_tree,
    goodput,
    histograms,
    remedies,
    wasted_work,
)
from classroom.scale import Fifo, Storm, measured, storm
from tests.pictures.boxes import collisions, outside
from tests.scale.lunch import lunch
from tests.scale.policies import FullJitter, Immediate, NoRetry

SMALL: dict[str, Any] = {"load": 8, "workers": 1, "steady": True, "lasts": 60, "stall_at": 10}


@cache
def run_of(name: str) -> Storm:
    queues = {"bound": lambda: Fifo(bound=9)}
    policies = {"at once": Immediate, "jitter": FullJitter, "none": NoRetry, "bound": Immediate}
    return storm(policies[name], **SMALL, queue=queues.get(name, Fifo))


@cache
def lunch_hour() -> Any:
    return simulate(lunch(Immediate, bound=None, lasts=16), faults=[Pause("orders", at=5, lasts=3)])


@cache
def clicked() -> Any:
    """Three attempts in each of three layers, and nothing works."""

    def layer(below: str | None) -> Any:
        def start(node: Any) -> FastAPI:
            app, client = FastAPI(), node.client()

            @app.post("/do")
            async def do() -> JSONResponse:
                for _ in range(3 if below else 0):
                    await client.post(f"http://{below}/do")
                return JSONResponse({}, 503)

            return app

        return start

    async def click(world: Any) -> None:
        for name, below in (("inventory", None), ("orders", "inventory"), ("gateway", "orders")):
            world.start(name, layer(below))
        for _ in range(3):
            await world.client("ada").post("http://gateway/do")

    return simulate(click)


def orders_that_take(seconds: float, node: Any) -> FastAPI:
    app = FastAPI()

    @app.post("/orders")
    async def place() -> dict[str, str]:
        await asyncio.sleep(seconds)
        return {}

    return app


STATES = [(0.0, "closed"), (21.5, "open"), (26.5, "half open"), (26.9, "open"), (32.0, "closed")]


def pictures() -> dict[str, Picture]:
    return {
        "goodput": goodput(
            {"at once": run_of("at once"), "jitter": run_of("jitter"), "none": run_of("none")}, prediction=10
        ),
        "no prediction": goodput(run_of("none"), prediction=None),
        "late prediction": goodput(run_of("at once"), prediction=500, label="you, 90 % sure"),
        "remedies": remedies({name: run_of(name) for name in ("at once", "jitter", "none", "bound")}),
        "wasted": wasted_work(lunch_hour(), "orders", between=(9, 10), work=0.1, key="order"),
        "tree": call_tree(clicked(), "ada", "gateway", "orders", "inventory"),
        "breaker": breaker_strip({"orders": STATES}, until=60),
        "histograms": histograms(
            {"no jitter": [1.0] * 20, "full": [0.05 * n for n in range(20)]},
            slot=0.1, x="seconds", what="retries",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name: str) -> None:
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture == pictures()[name]
    assert picture.alt.startswith(picture.title)
    assert picture.text


def test_the_title_says_that_the_shop_is_down_and_what_it_is_busy_with() -> None:
    assert goodput(run_of("at once")).title == (
        "47 s after a stall of 3 s: 8 requests a second, 32 tries a second, 0 successes"
    )


def test_the_title_says_after_how_long_the_shop_is_back() -> None:
    assert goodput(run_of("none")).title == (
        f"A stall of 3 s: the shop is back {run_of('none').recovered_after} s after it"
    )


def test_the_text_of_a_goodput_is_a_row_of_figures_for_each_run() -> None:
    rows = pictures()["goodput"].text.splitlines()
    assert [row.split("  ")[0] for row in rows[1:4]] == ["at once", "jitter", "none"]
    assert rows[1].split()[-1] == rows[2].split()[-1] == "never"
    assert rows[4] == "you: back 10 s after the stall"


def test_a_prediction_that_was_not_made_is_said() -> None:
    assert "no prediction made" in pictures()["no prediction"].text


def test_small_multiples_count_what_helped() -> None:
    picture = pictures()["remedies"]
    assert picture.title == "2 of 4 bring the shop back"
    assert "bound: back 0 s after the stall" in picture.alt


def test_work_for_nobody_is_told_from_work_for_somebody() -> None:
    before = wasted_work(lunch_hour(), "orders", between=(2, 4), work=0.1, key="order")
    assert before.title.endswith("0 of them for nobody")
    after = pictures()["wasted"]
    served = len(after.text.splitlines())
    assert after.title == f"From 9 s to 10 s orders serves {served} tries, {served} of them for nobody"


def test_work_for_a_caller_whose_own_deadline_cancelled_the_call_is_for_nobody_too() -> None:
    async def minute(world: Any) -> None:
        world.start("orders", partial(orders_that_take, 2.0))
        async with world.client("ada", timeout=None) as ada:
            for order, patience in ((1, 1.0), (2, 5.0)):
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await ada.post("http://orders/orders", json={"order": order})
        await world.run_for(3)

    run = simulate(minute)
    run.raise_error()
    picture = wasted_work(run, "orders", between=(0, 8), work=2.0, key="order")
    assert picture.title == "From 0 s to 8 s orders serves 2 tries, 1 of them for nobody"
    assert "given up at 1.00 s" in picture.text.splitlines()[0]
    assert sum(measured(run, "orders", key="order", capacity=1).in_vain) == 1


def test_a_service_that_served_nothing_has_no_wasted_work() -> None:
    with pytest.raises(ValueError, match="orders served nothing from 6 s to 7 s"):
        wasted_work(lunch_hour(), "orders", between=(6, 7), work=0.1, key="order")


def test_three_attempts_in_each_of_three_layers_are_twenty_seven_calls() -> None:
    picture = pictures()["tree"]
    assert picture.title == "ada clicks once; inventory is asked 27 times"
    assert picture.text.splitlines()[1:] == [
        "gateway: asked 3 times",
        "orders: asked 9 times",
        "inventory: asked 27 times",
    ]


def test_a_breaker_strip_says_how_often_it_opened_and_for_how_long() -> None:
    assert pictures()["breaker"].title == "orders: opened 2 times, 10 s in all"


def test_a_state_that_no_breaker_has_is_refused() -> None:
    with pytest.raises(ValueError, match="states are closed, open, half open; got ajar"):
        breaker_strip({"orders": [(0.0, "ajar")]}, until=1)


def test_histograms_say_the_most_in_one_slot() -> None:
    assert pictures()["histograms"].title == "Most retries in 0.1 seconds: no jitter 20, full 2"


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="one run or more"):
        goodput({})
    with pytest.raises(ValueError, match="one run or more"):
        remedies({})
    with pytest.raises(ValueError, match="one moment or more"):
        histograms({}, slot=0.1, x="seconds", what="retries")
