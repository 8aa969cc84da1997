"""live(): the same services and the same scenario, over real sockets and in real time."""

import _thread
import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from classroom import Crash, live, simulate
from classroom.world.live_world import OnlySimulated
from classroom.world.loop import EndlessLoop, OutOfTime
from classroom.world.world import NoSuchService
from minibroker import Broker, BrokerApp, BrokerUnreachable
from services.messaging.worker import work
from tests.garbage import collect_garbage
from tests.repository import ROOT

pytestmark = pytest.mark.filterwarnings("error")


async def until(world, kind, *, count=1):
    """Wait for so many events of a kind, however long this machine takes."""
    while sum(event.kind == kind for event in world.history) < count:
        await world.run_for(0.01)


# ---------------------------------------------------------------- a shop


def orders(node):
    app, db = FastAPI(), node.database()

    @app.post("/orders/{number}")
    async def order(number: int):
        await db.execute("CREATE TABLE IF NOT EXISTS orders (number)")
        async with db.transaction():
            await db.execute("INSERT INTO orders VALUES (?)", (number,))
        async with node.client() as client:
            charged = await client.post(
                f"http://payments/charges/{number}?amount=25", json={"key": f"order-{number}"}
            )
        await node.queue("mails").send({"order": number})
        return {"order": number, "charged": charged.json()["amount"]}

    return app


def payments(node):
    app, db = FastAPI(), node.database()

    @app.post("/charges/{order}")
    async def charge(order: int, amount: int, request: Request):
        await db.execute("CREATE TABLE IF NOT EXISTS charges (order_id, amount, key)")
        key = (await request.json())["key"]
        await db.execute("INSERT INTO charges VALUES (?, ?, ?)", (order, amount, key))
        node.record("charge", order=order, dice=node.rng("dice").random())
        return {"amount": amount}

    return app


def broker(node):
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue("mails")
    return BrokerApp(holder)


async def mailer(node):
    db = node.database()

    async def handle(delivery):
        await db.execute("CREATE TABLE IF NOT EXISTS mails (order_id)")
        await db.execute("INSERT INTO mails VALUES (?)", (delivery.body["order"],))
        await delivery.ack()

    await work(node, node.queue("mails"), handle)


async def checkout(world):
    world.start("broker", broker)
    world.start("payments", payments)
    world.start("orders", orders)
    world.start("mailer", mailer)
    async with world.client("ada") as ada:
        answers = [(await ada.post(f"http://orders/orders/{number}")).json() for number in (1, 2, 3)]
    mails = world.node("ada").queue("mails")
    while (await mails.snapshot()).ready + (await mails.snapshot()).in_flight:
        await world.run_for(0.01)
    return answers


@pytest.fixture(scope="module")
def both():
    return simulate(checkout, seed=7), live(checkout, seed=7)


def test_the_same_scenario_gives_the_same_answers_and_rows_in_both_worlds(both):
    simulated, real = both
    assert simulated.error is None and real.error is None
    assert real.result == simulated.result == [{"order": n, "charged": 25} for n in (1, 2, 3)]
    assert real.databases == simulated.databases
    assert real.rows("mailer", "mails") == [{"order_id": 1}, {"order_id": 2}, {"order_id": 3}]


def test_both_worlds_write_down_the_same_things_about_what_services_said(both):
    told = []
    for run in both:
        calls = {event["call"] for event in run.of("request", to="payments")}
        kinds = ("request", "arrive", "reply", "answer")
        events = [event for event in run.of(*kinds) if event["call"] in calls]
        told.append([(e.node, e.kind, {k: v for k, v in e.data.items() if k != "call"}) for e in events])
    assert told[0] == told[1]
    assert len(told[1]) == 3 * 4


def test_both_worlds_write_down_the_same_moves_of_messages_and_commits(both):
    told = [
        [
            (e.node, e.kind, e.get("message"), e.get("statements"))
            for e in run.of("sent", "leased", "acked", "handling", "handled", "commit", node=node)
        ]
        for run in both
        for node in ("broker", "mailer", "orders")
    ]
    assert told[:3] == told[3:]


def test_both_worlds_draw_the_same_chance_from_one_seed(both):
    simulated, real = ([event["dice"] for event in run.of("charge")] for run in both)
    assert simulated == real


def test_the_history_of_a_live_run_is_in_order_and_counts_seconds_from_its_beginning(both):
    _, real = both
    assert [event.number for event in real.history] == list(range(len(real.history)))
    assert [event.at for event in real.history] == sorted(event.at for event in real.history)
    assert 0 <= real.history[0].at < real.history[-1].at <= real.duration < 20
    assert real.effects == () and real.faults == ()


def test_pictures_are_drawn_of_a_live_run(both):
    _, real = both
    assert "payments" in repr(real.table())
    assert "payments" in real.sequence().alt


def mirror(node):
    app = FastAPI()

    @app.api_route("/mirror/{path:path}", methods=["GET", "POST", "PUT"])
    async def mirrored(path: str, request: Request, response: Response):
        response.set_cookie("seen", path)
        sizes = len(await request.body())
        return {
            "path": path,
            "url": str(request.url),
            "sizes": sizes,
            "headers": sorted(request.headers.items()),
        }

    @app.get("/parts")
    async def parts():
        async def three():
            for number in range(3):
                yield f"part {number}\n"

        return StreamingResponse(three())

    @app.get("/elsewhere")
    async def elsewhere():
        return RedirectResponse("/parts")

    @app.get("/nothing", status_code=204)
    async def nothing():
        return None

    @app.get("/large")
    async def large():
        return Response(b"x" * 3_000_000)

    return app


async def look_into_the_mirror(world):
    world.start("mirror", mirror)
    requests = [
        ("GET", "mirror/a%2Fb%20c?x=1&y=%C3%A9", {}),
        ("POST", "mirror/json", {"json": {"word": "naïve"}}),
        ("PUT", "mirror/large", {"content": b"z" * 1_000_000}),
        ("GET", "mirror/host", {"headers": {"Host": "another"}}),
        ("GET", "parts", {}),
        ("GET", "elsewhere", {"follow_redirects": True}),
        ("GET", "nothing", {}),
        ("GET", "large", {}),
        ("DELETE", "mirror/not-allowed", {}),
        ("GET", "not-there", {}),
    ]
    async with world.client("ada") as ada:
        answers = [
            await ada.request(method, f"http://mirror/{path}", **more) for method, path, more in requests
        ]
    return [(a.status_code, sorted(a.headers.multi_items()), a.content, str(a.url)) for a in answers]


def test_services_and_clients_see_the_same_http_in_both_worlds():
    real, simulated = live(look_into_the_mirror), simulate(look_into_the_mirror)
    assert real.error is None
    for one, other in zip(real.result, simulated.result, strict=True):
        assert one == other


# ---------------------------------------------------------------- nothing is left


def open_files():
    collect_garbage()
    return sorted(path.name for path in Path("/dev/fd").iterdir())


def new_threads(before):
    """Threads that are there and were not; one that is just ending is given its moment."""
    for _ in range(100):
        new = [thread for thread in threading.enumerate() if thread not in before]
        if not new:
            return []
        time.sleep(0.01)
    return new


def inline(node):
    """A service with an endpoint that runs in a thread, and a client that nobody closes."""
    app, client = FastAPI(), node.client()

    @app.get("/thread")
    def in_a_thread():
        node.record("seen", thread=threading.current_thread() is not threading.main_thread())
        return {}

    @app.get("/onward")
    async def onward():
        return (await client.get("http://inline/thread")).json()

    return app


async def visit(world):
    world.start("inline", inline)
    client = world.client("ada")  # left open, on purpose
    await asyncio.gather(*(client.get("http://inline/onward") for _ in range(5)))
    return "visited"


async def visit_and_fail(world):
    await visit(world)
    raise RuntimeError("the scenario's own")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system does not list a process's open files")
@pytest.mark.parametrize("scenario", [visit, visit_and_fail])
def test_no_thread_and_no_socket_is_left_however_often_and_however_it_ends(scenario):
    live(visit)
    threads, files = threading.enumerate(), open_files()
    for _ in range(3):
        live(scenario)
    assert new_threads(threads) == []
    assert open_files() == files


def test_endpoints_in_threads_write_into_one_history():
    run = live(visit)
    assert [event["thread"] for event in run.of("seen")] == [True] * 5
    assert [event.number for event in run.history] == list(range(len(run.history)))


def test_a_run_prints_nothing_and_warns_of_nothing_to_the_very_end_of_its_process():
    code = "from tests.world.test_live import *\n"
    code += "for scenario in (checkout, visit, visit_and_fail, bad_day, outage): live(scenario)"
    python = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(python, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_live_run_works_where_a_loop_runs_already_as_in_a_notebook():
    async def cell():
        return live(visit).result

    assert asyncio.run(cell()) == "visited"


def test_ports_are_closed_after_the_run():
    async def scenario(world):
        world.start("fragile", fragile)
        async with world.client() as client:
            await client.get("http://fragile/fine")
        return world.url("fragile")

    with pytest.raises(httpx.ConnectError):
        httpx.get(live(scenario).result, trust_env=False)


def test_apps_are_asked_to_shut_down_and_apps_without_a_lifespan_are_left_alone():
    told = []

    def service(node):
        @asynccontextmanager
        async def lifespan(app):
            told.append("up")
            yield {"word": "from the lifespan"}
            told.append("down")

        app = FastAPI(lifespan=lifespan)

        @app.get("/")
        async def get(request: Request):
            return {"word": request.state.word, "told": list(told)}

        return app

    async def scenario(world):
        world.start("service", service)
        async with world.client() as client:
            return (await client.get("http://service/")).json()

    assert live(scenario).result == {"word": "from the lifespan", "told": ["up"]}
    assert told == ["up", "down"]


def test_somebody_outside_can_call_a_service_at_its_url():
    async def scenario(world):
        world.start("fragile", fragile)
        async with httpx.AsyncClient(trust_env=False) as curl:
            return (await curl.get(world.url("fragile") + "fine?a=1")).status_code

    run = live(scenario)
    assert run.result == 200
    kinds = [(event.node, event.kind) for event in run.history if event.kind != "start"]
    assert kinds == [("outside", "request"), ("fragile", "arrive"), ("fragile", "reply")]
    assert run.of("arrive")[0]["path"] == "/fine?a=1"
    assert "outside" in repr(run.table())


# ---------------------------------------------------------------- errors


def fragile(node):
    app = FastAPI()

    @app.get("/raise")
    async def fail():
        raise ValueError("out of stock")

    @app.get("/exit")
    async def leave():
        sys.exit(3)

    @app.get("/slow")
    async def slow(request: Request):
        while not await request.is_disconnected():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        node.record("hung_up")

    @app.get("/fine")
    async def fine():
        return {}

    return app


async def falls(node):
    await asyncio.sleep(0)
    raise ValueError("no such table")


async def bad_day(world):
    world.start("fragile", fragile)
    world.start("worker", falls)
    seen = []
    async with world.client("ada") as ada:
        for url in ("fragile/raise", "fragile/slow", "worker/", "fragile/exit", "fragile/fine"):
            patience = 0.3 if url == "fragile/slow" else 60
            try:
                seen.append((await ada.get(f"http://{url}", timeout=patience)).status_code)
            except httpx.TransportError as error:
                seen.append(type(error).__name__)
    return seen


def test_what_goes_wrong_looks_the_same_in_both_worlds():
    real, simulated = live(bad_day), simulate(bad_day)
    assert real.error is None
    assert (
        real.result == simulated.result == [500, "ReadTimeout", "ConnectError", "ReadError", "ConnectError"]
    )
    for kind in ("error", "exit", "timeout", "refused", "reset"):
        told = [[(event.node, dict(event.data)) for event in run.of(kind)] for run in (real, simulated)]
        assert told[0] == told[1], kind
    assert real.of("exit", node="worker")[0]["error"] == "ValueError: no such table"


async def leaves(world):
    """Ada's own deadline cancels her call, while it is served."""
    world.start("fragile", fragile)
    async with world.client("ada", timeout=60) as ada:
        await ada.get("http://fragile/fine")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ada.get("http://fragile/slow")


def test_a_call_that_its_caller_cancels_is_told_alike_in_both_worlds():
    real, simulated = live(leaves), simulate(leaves)
    assert real.error is simulated.error is None
    for run in (real, simulated):
        (left,) = run.of("cancelled")
        assert (left.node, dict(left.data)) == ("ada", {"call": 2, "to": "fragile"})


def test_a_hundred_calls_at_once_are_all_answered():
    async def scenario(world):
        world.start("fragile", fragile)
        async with world.client("ada", timeout=60) as ada:
            answers = await asyncio.gather(*(ada.get("http://fragile/fine") for _ in range(100)))
        return {answer.status_code for answer in answers}

    run = live(scenario)
    assert run.error is None
    assert run.result == {200}
    assert len(run.of("answer")) == 100


def test_a_live_service_learns_that_its_caller_has_gone():
    async def scenario(world):
        world.start("fragile", fragile)
        async with world.client("ada", timeout=60) as ada:
            await ada.get("http://fragile/fine")  # the connection is made
            with pytest.raises(httpx.ReadTimeout):
                await ada.get("http://fragile/slow", timeout=0.3)
        await until(world, "hung_up")

    assert live(scenario).error is None


def test_a_start_up_that_fails_ends_the_service():
    def service(node):
        @asynccontextmanager
        async def lifespan(app):
            raise ValueError("no configuration")
            yield

        return FastAPI(lifespan=lifespan)

    async def scenario(world):
        world.start("service", service)
        async with world.client() as client:
            await client.get("http://service/")

    run = live(scenario)
    assert isinstance(run.error, httpx.TransportError)
    assert run.of("exit", node="service")[0]["error"] == "ValueError: no configuration"


def test_a_misspelt_name_is_refused_in_the_same_words():
    async def scenario(world):
        world.start("payments", payments)
        async with world.client("ada") as ada:
            await ada.get("http://paymets/")

    real, simulated = live(scenario).error, simulate(scenario).error
    assert isinstance(real, NoSuchService)
    assert str(real) == str(simulated) == "no service 'paymets'; running: payments"


def test_without_a_broker_a_queue_says_so():
    def service(node):
        return BrokerApp(Broker(clock=node.now))

    async def scenario(world):
        world.start("broker", service)
        world.crash("broker")
        await world.node("ada").queue("mails").send({})

    assert isinstance(live(scenario).error, BrokerUnreachable)


def test_what_the_scenario_raises_is_on_the_run():
    run = live(visit_and_fail)
    assert repr(run.error) == repr(RuntimeError("the scenario's own"))
    assert run.result is None
    assert run.of("seen")


def test_a_scenario_that_never_ends_is_broken_off_and_says_where_it_waited():
    async def scenario(world):
        world.start("fragile", fragile)
        async with world.client(timeout=None) as client:
            await client.get("http://fragile/slow")  # here

    began = time.monotonic()
    run = live(scenario, limit=1.5)
    assert time.monotonic() - began < 60
    assert isinstance(run.error, OutOfTime)
    assert "limit of 1.5 s of real time" in str(run.error)
    assert any("# here" in line and line.startswith("scenario") for line in run.waiting)
    assert all("uvicorn" not in line for line in run.waiting)


def test_a_task_that_refuses_to_be_cancelled_does_not_hold_the_run():
    async def stubborn(node):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    async def scenario(world):
        world.start("stubborn", stubborn)
        await world.run_for(0)

    began = time.monotonic()
    assert live(scenario).error is None
    assert time.monotonic() - began < 60


def test_a_step_that_blocks_everything_is_broken_off(monkeypatch):
    monkeypatch.setattr(sys.modules[live.__module__], "PATIENCE", 0.5)

    def service(node):
        async def app(scope, receive, send):
            while True:
                pass

        return app

    async def scenario(world):
        world.start("service", service)
        async with world.client(timeout=None) as client:
            await client.get("http://service/")

    run = live(scenario)
    assert isinstance(run.error, EndlessLoop)
    assert "was in app()" in str(run.error)


def test_an_interrupt_ends_the_run_and_is_raised_and_leaves_nothing():
    threads, pressed = threading.enumerate(), []

    async def scenario(world):
        await visit(world)
        pressed.append(True)
        _thread.interrupt_main()
        await asyncio.sleep(3600)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        live(scenario)
    assert pressed and time.monotonic() - began < 60
    assert new_threads(threads) == []
    assert live(visit).result == "visited"


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan"), "60"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(limit):
    with pytest.raises(ValueError, match="limit is in real seconds"):
        live(visit, limit=limit)


def test_faults_pauses_and_partitions_are_for_simulate():
    async def pauses(world):
        world.start("payments", payments)
        world.pause("payments", lasts=1)

    async def cuts(world):
        world.start("payments", payments)
        world.partition("ada", "payments", lasts=1)

    errors = [live(pauses).error, live(cuts).error]
    with pytest.raises(OnlySimulated, match=r"Crash\('orders', at=1\).*simulate\(\)"):
        live(checkout, faults=[Crash("orders", at=1)])
    assert all(isinstance(error, OnlySimulated) and "simulate()" in str(error) for error in errors)


# ---------------------------------------------------------------- crash and restart


def counter(node):
    """In memory it counts; in its database it writes down; /hang does both and does not come to an end."""
    app, db, count = FastAPI(), node.database(), 0

    @app.post("/count")
    async def add():
        nonlocal count
        count += 1
        await db.execute("CREATE TABLE IF NOT EXISTS counted (what)")
        await db.execute("INSERT INTO counted VALUES ('count')")
        return {"count": count}

    @app.post("/hang")
    async def hang():
        try:
            async with db.transaction():
                await db.execute("INSERT INTO counted VALUES ('half done')")
                node.record("hanging")
                await asyncio.sleep(0.5)
        finally:
            node.record("cleaned_up")
            await db.execute("INSERT INTO counted VALUES ('from the dead')")

    return app


async def outage(world):
    world.start("counter", counter)
    seen = []
    async with world.client("ada") as ada:

        async def post(path):
            try:
                seen.append((await ada.post(f"http://counter/{path}")).json())
            except httpx.TransportError as error:
                seen.append(f"{type(error).__name__}: {error}")

        await post("count")
        await post("count")
        async with asyncio.TaskGroup() as group:
            group.create_task(post("hang"))
            await until(world, "hanging")
            world.crash("counter")
        await post("count")
        world.restart("counter")
        await post("count")
        await world.run_for(0.6)  # the dead one's 0.5 s are over by now
    return seen


def test_a_crash_breaks_connections_undoes_what_was_open_and_forgets_memory_as_a_simulated_one_does():
    real, simulated = live(outage), simulate(outage)
    assert real.result == simulated.result
    assert real.result == [
        {"count": 1},
        {"count": 2},
        "ReadError: counter died while it served /hang: connection reset",
        "ConnectError: counter is down: connection refused",
        {"count": 1},
    ]
    assert real.rows("counter", "counted") == [{"what": "count"}] * 3 == simulated.rows("counter", "counted")
    assert [(e.kind, e["incarnation"]) for e in real.of("start", "crash")] == [
        ("start", 1),
        ("crash", 1),
        ("start", 2),
    ]
    assert real.of("hanging") and not real.of("cleaned_up")


@pytest.mark.parametrize("run_in", [live, simulate])
def test_who_dies_while_a_write_is_on_its_way_to_the_disk_has_not_written(run_in):
    async def scenario(world):
        async def worker(node):
            await node.database().execute("CREATE TABLE written (what)")
            asyncio.get_running_loop().call_soon(world.crash, "worker")
            await node.database().execute("INSERT INTO written VALUES ('too late')")

        world.start("worker", worker)
        await until(world, "crash")
        await world.run_for(0.05)

    run = run_in(scenario)
    assert run.error is None
    assert run.rows("worker", "written") == []
    assert len(run.of("commit")) == len(run.of("crash")) == 1


def test_a_crash_may_say_for_how_long():
    async def scenario(world):
        world.start("counter", counter)
        world.crash("counter", down=0.1)
        await until(world, "start", count=2)
        async with world.client("ada") as ada:
            return (await ada.post("http://counter/count")).json()

    assert live(scenario).result == {"count": 1}


def test_who_was_to_start_again_stays_down_once_the_run_is_over():
    started = []

    def service(node):
        @asynccontextmanager
        async def lifespan(app):
            started.append(node.name)
            yield
            await asyncio.sleep(0.2)  # while the other one's time comes

        return FastAPI(lifespan=lifespan)

    async def scenario(world):
        world.start("slow", service)
        world.start("down", service)
        while len(started) < 2:
            await world.run_for(0.01)
        world.crash("down", down=0.1)

    live(scenario)
    assert started == ["slow", "down"]


# ---------------------------------------------------------------- apart from all else


def test_each_request_has_a_context_of_its_own():
    word = contextvars.ContextVar("word", default="unset")

    def service(node):
        async def app(scope, receive, send):
            await receive()
            found = word.get()
            word.set("set by a request before")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": found.encode()})

        return app

    async def scenario(world):
        world.start("service", service)
        word.set("set by the scenario")
        async with world.client() as client:
            return [(await client.post("http://service/", content=b"x" * 100_000)).text for _ in range(3)]

    word.set("set by the notebook")
    assert live(scenario).result == ["unset"] * 3


def test_a_simulation_and_a_live_run_side_by_side_do_not_disturb_each_other():
    alone = simulate(checkout, seed=7).digest
    digests = []

    async def scenario(world):
        simulations = threading.Thread(
            target=lambda: digests.extend(simulate(checkout, seed=7).digest for _ in range(3))
        )
        simulations.start()
        time.sleep(0.01)  # noqa: ASYNC251  # which a simulated world refuses
        answers = await checkout(world)
        while simulations.is_alive():
            await world.run_for(0.01)
        return answers

    run = live(scenario)
    assert run.error is None and len(run.result) == 3
    assert digests == [alone] * 3


def test_a_live_run_from_inside_of_a_simulated_scenario_and_the_other_way_round():
    async def outer(world):
        return (simulate if inner_is_simulated else live)(visit).result

    inner_is_simulated = True
    assert live(outer).result == "visited"
    inner_is_simulated = False
    assert simulate(outer).result == "visited"


def test_importing_the_classroom_imports_no_server_and_no_client():
    code = "import sys, classroom; print(sorted({'uvicorn', 'httpx', 'fastapi', 'anyio'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
