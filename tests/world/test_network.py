"""The network: what travels, what is lost, and the four things that a caller can tell apart."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault, Partition, Slow
from classroom.world.network import LATENCY
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.world.actors import app, echo, kept, relay


def ask(
    *faults: Fault, calls: int = 1, every: float = 1.0, timeout: float | None = 5.0, seed: int = 0
) -> Run:
    """Ada asks the echo `calls` times, one each `every` seconds, and notes what she saw."""

    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada", timeout=timeout) as ada:
            for number in range(1, calls + 1):
                began = world.now()
                try:
                    saw = (await ada.get(f"http://echo/{number}")).status_code
                except httpx.TransportError as error:
                    saw = type(error).__name__
                world.record("saw", call=number, what=saw, took=world.now() - began)
                await world.run_for(max(0, every - (world.now() - began)))
        await world.run_for(20)

    return kept(scenario, faults=faults, seed=seed)


def saw(run: Run) -> list[Any]:
    return [event["what"] for event in run.of("saw")]


def asked(run: Run) -> list[int]:
    return [int(event["path"][1:]) for event in run.of("asked")]


# ---- without faults ----------------------------------------------------------------------------


def test_an_exchange_is_a_request_an_arrival_a_reply_and_an_answer():
    run = ask()

    assert [event.kind for event in run.of("request", "arrive", "reply", "answer")] == [
        "request", "arrive", "reply", "answer",
    ]  # fmt: skip
    assert [event.node for event in run.of("request", "arrive", "reply", "answer")] == [
        "ada", "echo", "echo", "ada",
    ]  # fmt: skip
    assert {event["call"] for event in run.of("request", "arrive", "reply", "answer")} == {1}


def test_each_way_takes_the_latency_of_a_data_centre():
    run = ask(calls=50)

    there = [a.at - r.at for r, a in zip(run.of("request"), run.of("arrive"), strict=True)]
    back = [a.at - r.at for r, a in zip(run.of("reply"), run.of("answer"), strict=True)]

    assert all(LATENCY[0] - 1e-6 <= way <= LATENCY[1] + 1e-5 for way in there + back)
    assert len(set(there)) > 40


def test_bodies_are_in_the_history_as_json():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada") as ada:
            await ada.post("http://echo/x", json={"item": "lamp"})

    run = kept(scenario)

    assert run.of("request")[0]["body"] == {"item": "lamp"}
    assert run.of("reply")[0]["body"] == "/x"


def test_a_long_body_or_one_that_is_no_json_is_told_by_its_length():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada") as ada:
            await ada.post("http://echo/x", content=b"not json")
            await ada.post("http://echo/x", json=["x" * 5000])

    assert [event["body"] for event in kept(scenario).of("request")] == ["<8 bytes>", "<5004 bytes>"]


# ---- refused, reset, no answer ---------------------------------------------------------------------


def test_a_service_that_is_down_refuses_at_once_and_surely_did_nothing():
    run = ask(Crash("echo", at=0, down=None))

    assert saw(run) == ["ConnectError"]
    assert run.of("refused")[0]["to"] == "echo"
    assert run.of("saw")[0]["took"] < 0.01
    assert not asked(run)


def test_a_worker_refuses_since_it_listens_to_nobody():
    async def worker(node: Node) -> None:
        await asyncio.sleep(100)

    async def scenario(world: World) -> None:
        world.start("worker", worker)
        async with world.client("ada") as ada:
            with pytest.raises(httpx.ConnectError, match="worker and listens to nobody"):
                await ada.get("http://worker/")

    kept(scenario)


def test_a_service_that_dies_while_it_serves_resets_the_connection():
    async def scenario(world: World) -> float:
        world.start("slow", slow)
        async with world.client("ada", timeout=None) as ada:
            with pytest.raises(httpx.ReadError, match="connection reset"):
                await ada.get("http://slow/")
        return world.now()

    run = kept(scenario, faults=[Crash("slow", at=1)])

    assert run.result == pytest.approx(1, abs=0.01)
    assert run.of("reset")[0]["to"] == "slow"


def slow(node: Node) -> Any:
    async def answer(path: str) -> str:
        await asyncio.sleep(3)
        node.record("worked")
        return "done"

    return app(answer)


def test_an_answer_that_does_not_come_in_time_is_a_timeout_and_the_work_may_be_done_all_the_same():
    async def scenario(world: World) -> float:
        world.start("slow", slow)
        async with world.client("ada", timeout=1) as ada:
            with pytest.raises(httpx.ReadTimeout, match="no answer from slow within 1 s"):
                await ada.get("http://slow/")
        gave_up = world.now()
        await world.run_for(10)
        return gave_up

    run = kept(scenario)

    assert run.result == pytest.approx(1, abs=1e-3)
    assert run.of("timeout")[0]["after"] == 1
    assert run.of("worked")


def test_a_caller_whose_wait_is_cancelled_has_stopped_waiting_and_the_work_may_be_done_all_the_same():
    async def scenario(world: World) -> float:
        world.start("slow", slow)
        async with world.client("ada", timeout=None) as ada:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await ada.get("http://slow/")
        gave_up = world.now()
        await world.run_for(10)
        return gave_up

    run = kept(scenario)

    (left,) = run.of("cancelled")
    assert (left.node, left["to"], left["call"]) == ("ada", "slow", run.of("request")[0]["call"])
    assert left.at == pytest.approx(run.result, abs=1e-6)
    assert run.of("worked")
    assert run.of("timeout", "answer") == []


def test_a_caller_that_dies_while_it_waits_has_cancelled_nothing():
    async def scenario(world: World) -> None:
        world.start("slow", slow)
        world.start("relay", relay("slow"))
        async with world.client("ada", timeout=None) as ada:
            with pytest.raises(httpx.ReadError):
                await ada.get("http://relay/")
        await world.run_for(10)

    assert kept(scenario, faults=[Crash("relay", at=0.5)]).of("cancelled") == []


def test_without_a_timeout_a_lost_answer_is_waited_for_for_ever():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada", timeout=None) as ada:
            await ada.get("http://echo/1")

    run = simulate(scenario, faults=[Drop("ada", "echo")])

    assert "A call without a timeout?" in str(run.error)
    assert any('ada.get("http://echo/1")' in line for line in run.waiting)


def test_a_timeout_can_be_given_with_the_request():
    async def scenario(world: World) -> float:
        world.start("slow", slow)
        async with world.client("ada", timeout=60) as ada:
            with pytest.raises(httpx.ReadTimeout):
                await ada.get("http://slow/", timeout=0.5)
        return world.now()

    assert kept(scenario).result == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5"])
def test_a_timeout_that_is_no_time_is_refused(timeout: Any):
    async def scenario(world: World) -> None:
        world.client("ada", timeout=timeout)

    run = simulate(scenario)

    assert isinstance(run.error, ValueError)
    assert repr(timeout) in str(run.error)


def test_a_negative_timeout_of_a_request_is_refused():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada") as ada:
            await ada.get("http://echo/", timeout=-1)

    run = simulate(scenario)

    assert isinstance(run.error, ValueError)
    assert not run.of("asked")


# ---- faults of a link -----------------------------------------------------------------------------


def test_a_lost_request_was_never_served():
    run = ask(Drop("ada", "echo", nth=2), calls=3, timeout=0.5)

    assert saw(run) == [200, "ReadTimeout", 200]
    assert asked(run) == [1, 3]
    assert [(event.node, event["part"], event["why"]) for event in run.of("lost")] == [
        ("ada", "request", "drop")
    ]


def test_a_lost_reply_was_served():
    run = ask(Drop("ada", "echo", part="reply", nth=2), calls=3, timeout=0.5)

    assert saw(run) == [200, "ReadTimeout", 200]
    assert asked(run) == [1, 2, 3]
    assert [(event.node, event["part"]) for event in run.of("lost")] == [("echo", "reply")]


def test_a_lost_request_and_a_lost_reply_look_the_same_to_the_caller():
    request = ask(Drop("ada", "echo", nth=1), timeout=0.5)
    reply = ask(Drop("ada", "echo", part="reply", nth=1), timeout=0.5)

    assert saw(request) == saw(reply)
    assert [event["took"] for event in request.of("saw")] == [event["took"] for event in reply.of("saw")]


def test_a_fault_of_a_link_strikes_in_its_time_only():
    run = ask(Drop("ada", "echo", at=1.5, lasts=2), calls=5, timeout=0.5)

    assert saw(run) == [200, 200, "ReadTimeout", "ReadTimeout", 200]


def test_a_fault_with_a_time_is_written_down_when_it_begins_and_ends():
    fault = Drop("ada", "echo", at=1.5, lasts=2)
    run = ask(fault, calls=5, timeout=0.5)

    assert [(event.kind, event.at) for event in run.of("fault", "fault_over")] == [
        ("fault", pytest.approx(1.5)),
        ("fault_over", pytest.approx(3.5)),
    ]
    assert run.of("fault")[0]["fault"] == repr(fault)


def test_a_rate_strikes_about_as_often_as_it_says():
    run = ask(Drop("ada", "echo", rate=0.3), calls=200, timeout=0.5)

    assert 35 <= saw(run).count("ReadTimeout") <= 85


def test_a_fault_strikes_only_the_pair_that_it_names():
    run = ask_via_relay(Drop("relay", "echo"))

    assert run.of("lost")[0].node == "relay"
    assert len(run.of("lost")) == 1


def ask_via_relay(*faults: Fault) -> Run:
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        world.start("relay", relay("echo"))
        async with world.client("ada", timeout=20) as ada:
            await ada.get("http://relay/1")

    return kept(scenario, faults=faults)


def test_a_star_means_any_node():
    run = ask(Drop("*", "*", nth=1), calls=2, timeout=0.5)

    assert saw(run) == ["ReadTimeout", 200]


def test_a_duplicate_is_served_twice_and_answered_once():
    run = ask(Duplicate("ada", "echo", nth=1))

    assert asked(run) == [1, 1]
    assert [event["copy"] for event in run.of("arrive")] in ([1, 2], [2, 1])
    assert len(run.of("reply")) == 2
    assert len(run.of("answer")) == 1
    assert saw(run) == [200]


@pytest.mark.parametrize("part", ["request", "reply"])
def test_a_delay_takes_so_much_longer_on_that_way(part: Any):
    run = ask(Delay("ada", "echo", by=2, part=part))

    arrived = run.of("arrive")[0].at
    assert arrived == pytest.approx(2 if part == "request" else 0, abs=0.01)
    assert run.of("saw")[0]["took"] == pytest.approx(2, abs=0.01)


def test_a_delay_lets_a_later_request_arrive_first():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada") as ada:
            await asyncio.gather(ada.get("http://echo/1"), later(ada))

    async def later(ada: httpx.AsyncClient) -> None:
        await asyncio.sleep(0.1)
        await ada.get("http://echo/2")

    assert asked(kept(scenario, faults=[Delay("ada", "echo", nth=1, by=1)])) == [2, 1]


def test_an_error_rate_answers_in_place_of_the_work():
    run = ask(ErrorRate("ada", "echo", status=503, nth=1), calls=2)

    assert saw(run) == [503, 200]
    assert asked(run) == [2]


def test_a_slow_node_begins_later_in_that_time():
    run = ask(Slow("echo", by=0.5, at=0.9, lasts=1.9), calls=4)

    assert [round(event["took"], 1) for event in run.of("saw")] == [0, 0.5, 0.5, 0]


# ---- partitions --------------------------------------------------------------------------------------


def test_a_partition_swallows_what_both_sides_send_until_it_heals():
    run = ask(Partition("ada", "echo", at=0.9, lasts=2), calls=4, timeout=0.5)

    assert saw(run) == [200, "ReadTimeout", "ReadTimeout", 200]
    assert [(event.kind, event.at) for event in run.of("partition", "heal")] == [
        ("partition", pytest.approx(0.9)),
        ("heal", pytest.approx(2.9)),
    ]
    assert {event["why"] for event in run.of("lost")} == {"partition"}


def test_a_partition_takes_no_side():
    run = ask(Partition("echo", "ada", at=0), timeout=0.5)

    assert saw(run) == ["ReadTimeout"]
    assert not asked(run)


def test_a_one_way_partition_against_the_caller_loses_requests():
    run = ask(Partition("ada", "echo", at=0, one_way=True), timeout=0.5)

    assert not asked(run)
    assert [event["part"] for event in run.of("lost")] == ["request"]


def test_a_one_way_partition_against_the_callee_loses_replies():
    run = ask(Partition("echo", "ada", at=0, one_way=True), timeout=0.5)

    assert asked(run) == [1]
    assert [event["part"] for event in run.of("lost")] == ["reply"]


def test_a_reply_that_is_sent_into_a_partition_is_lost_though_the_request_came_before_it():
    async def scenario(world: World) -> None:
        world.start("slow", slow)
        async with world.client("ada", timeout=10) as ada:
            with pytest.raises(httpx.ReadTimeout):
                await ada.get("http://slow/")

    run = kept(scenario, faults=[Partition("ada", "slow", at=1, lasts=5)])

    assert run.of("worked")
    assert run.of("lost")[0]["part"] == "reply"


def test_nobody_hears_of_a_death_behind_a_partition():
    async def scenario(world: World) -> None:
        world.start("slow", slow)
        async with world.client("ada", timeout=10) as ada:
            with pytest.raises(httpx.ReadTimeout):
                await ada.get("http://slow/")

    run = kept(scenario, faults=[Partition("ada", "slow", at=1), Crash("slow", at=2)])

    assert not run.of("reset")


def test_a_partition_by_hand_lasts_as_long_as_it_says():
    async def scenario(world: World) -> list[str]:
        world.start("echo", echo)
        answers = []
        world.partition("ada", "echo", lasts=2)
        async with world.client("ada", timeout=0.5) as ada:
            for _ in range(3):
                try:
                    answers.append((await ada.get("http://echo/1")).json())
                except httpx.ReadTimeout:
                    answers.append("timeout")
                await world.run_for(1)
        return answers

    assert kept(scenario).result == ["timeout", "timeout", "/1"]


# ---- names -----------------------------------------------------------------------------------------------


def test_a_call_to_a_name_that_nobody_has_says_who_is_there():
    async def scenario(world: World) -> None:
        world.start("orders", echo)
        world.start("payments", echo)
        async with world.client("ada") as ada:
            await ada.get("http://paymets/charges")

    run = simulate(scenario)

    assert str(run.error) == "no service 'paymets'; running: orders, payments"


@pytest.mark.parametrize(
    "fault",
    [
        Crash("paymets", at=1),
        Crash("paymets", before=1),
        Crash("*", before=1),
        Partition("ada", "paymets", at=1),
        Partition("*", "payments", at=1),
        Drop("ada", "paymets"),
        Slow("paymets", by=1),
        Delay("adda", "payments", by=1),
    ],
    ids=repr,
)
def test_a_fault_that_names_nobody_is_told_at_the_end_of_the_run(fault: Fault):
    async def scenario(world: World) -> None:
        world.start("payments", echo)
        world.node("ada")
        await world.run_for(5)

    run = simulate(scenario, faults=[fault])

    assert isinstance(run.error, LookupError)
    assert "payments" in str(run.error)


@pytest.mark.parametrize("act", ["crash", "restart", "pause", "partition"])
def test_what_is_done_by_hand_to_nobody_is_told(act: str):
    async def scenario(world: World) -> None:
        world.start("payments", echo)
        match act:
            case "crash":
                world.crash("paymets")
            case "restart":
                world.restart("paymets")
            case "pause":
                world.pause("paymets", lasts=1)
            case "partition":
                world.partition("payments", "orders", lasts=1)

    run = simulate(scenario)

    assert isinstance(run.error, LookupError)


@pytest.mark.parametrize("name", ["Orders", "", "*", "two words", "world", "orders/1", "scenario", "-x"])
def test_a_service_has_the_name_of_a_host(name: str):
    async def scenario(world: World) -> None:
        world.start(name, echo)

    run = simulate(scenario)

    assert isinstance(run.error, ValueError)
    assert "host name" in str(run.error)


@pytest.mark.parametrize("name", ["orders", "worker-1", "order_service", "a.b", "x"])
def test_a_service_is_found_under_its_name(name: str):
    async def scenario(world: World) -> int:
        world.start(name, echo)
        async with world.client("ada") as ada:
            return (await ada.get(f"http://{name}/")).status_code

    assert kept(scenario).result == 200


def test_two_services_have_two_names():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        world.start("echo", echo)

    assert "running already" in str(simulate(scenario).error)


def test_a_client_and_a_service_have_two_names():
    async def service_first(world: World) -> None:
        world.start("echo", echo)
        world.client("echo")

    async def client_first(world: World) -> None:
        world.client("echo")
        world.start("echo", echo)

    assert isinstance(simulate(service_first).error, ValueError)
    assert isinstance(simulate(client_first).error, ValueError)


# ---- chance -----------------------------------------------------------------------------------------------


async def ada_and_bob(world: World, *, bob_calls: int) -> None:
    world.start("echo", echo)
    world.start("other", echo)

    async def ask_on(name: str, to: str, calls: int) -> None:
        async with world.client(name, timeout=0.2) as client:
            for number in range(calls):
                try:
                    await client.get(f"http://{to}/{number}")
                except httpx.ReadTimeout:
                    pass
                await asyncio.sleep(0.5)

    await asyncio.gather(ask_on("ada", "echo", 20), ask_on("bob", "other", bob_calls))


@pytest.mark.parametrize(
    "faults", [(), (Drop("*", "*", rate=0.5),), (Drop("ada", "echo", rate=0.5),)], ids=repr
)
def test_one_call_more_between_two_nodes_changes_nothing_between_others(faults: Any):
    async def few(world: World) -> None:
        await ada_and_bob(world, bob_calls=3)

    async def many(world: World) -> None:
        await ada_and_bob(world, bob_calls=15)

    def of_ada(run: Run) -> list[Any]:
        kinds = ("request", "lost", "answer", "timeout")
        return [(event.at, event.kind) for event in run.of(*kinds, node="ada")]

    assert of_ada(kept(few, faults=faults)) == of_ada(kept(many, faults=faults))


def test_another_seed_is_another_run():
    assert ask(seed=1).digest != ask(seed=2).digest


def test_streams_of_chance_differ_by_label_and_by_node_and_are_the_same_in_each_run():
    async def scenario(world: World) -> list[float]:
        ada, bob = world.node("ada"), world.node("bob")
        return [each.random() for each in (ada.rng("x"), ada.rng("y"), bob.rng("x"), ada.rng("x"))]

    first, second = kept(scenario).result, kept(scenario).result

    assert first == second
    assert first[0] == first[3]
    assert len(set(first)) == 3
