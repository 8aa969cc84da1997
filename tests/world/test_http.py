"""Ordinary FastAPI and httpx inside of the simulated world."""

import asyncio
import contextvars
import threading
import time
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from classroom.world.faults import Crash
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.world.actors import app as asgi_app
from tests.world.actors import kept


def get(build: Any, path: str = "/", **options: Any) -> Run:
    """A run in which ada gets `path` of the app that build(app, node) furnishes. Its result: the response."""

    def factory(node: Node) -> FastAPI:
        app = FastAPI()
        return build(app, node) or app

    async def scenario(world: World) -> httpx.Response:
        world.start("service", factory)
        async with world.client("ada") as ada:
            response = await ada.get(f"http://service{path}")
        await world.run_for(10)
        return response

    return simulate(scenario, **options)


# ---- requests and answers ------------------------------------------------------------------------


def test_path_query_headers_and_body_arrive_as_over_a_socket():
    def build(app: FastAPI, node: Node) -> None:
        @app.post("/items/{name}")
        async def item(name: str, size: int, request: Request) -> dict[str, Any]:
            return {
                "name": name,
                "size": size,
                "header": request.headers["x-colour"],
                "body": await request.json(),
            }

    async def scenario(world: World) -> Any:
        world.start("service", lambda node: furnished(build, node))
        async with world.client("ada") as ada:
            response = await ada.post(
                "http://service/items/a%20b?size=3", json={"k": "ü"}, headers={"x-colour": "red"}
            )
            return response.json()

    assert kept(scenario).result == {
        "name": "a b",
        "size": 3,
        "header": "red",
        "body": {"k": "ü"},
    }


def furnished(build: Any, node: Node) -> FastAPI:
    app = FastAPI()
    build(app, node)
    return app


def test_statuses_and_headers_come_back():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> None:
            raise HTTPException(404, "no such order", headers={"x-why": "gone"})

    response = get(build).result

    assert (response.status_code, response.json(), response.headers["x-why"]) == (
        404,
        {"detail": "no such order"},
        "gone",
    )


def test_a_cookie_is_sent_back():
    def service(node: Node) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def page(request: Request, response: Response) -> dict[str, str]:
            response.set_cookie("basket", "lamp")
            return dict(request.cookies)

        return app

    async def scenario(world: World) -> Any:
        world.start("service", service)
        async with world.client("ada") as ada:
            return [(await ada.get("http://service/")).json() for _ in range(2)]

    assert simulate(scenario).result == [{}, {"basket": "lamp"}]


def test_a_streamed_answer_comes_whole():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> StreamingResponse:
            async def parts():
                for letter in "abc":
                    await asyncio.sleep(1)
                    yield letter

            return StreamingResponse(parts())

    run = get(build)

    assert run.result.text == "abc"
    assert run.of("answer")[0].at == pytest.approx(3, abs=0.01)


def test_an_exception_in_a_handler_is_a_500_and_an_error_event():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> None:
            raise ValueError("boom")

    run = get(build)

    assert run.result.status_code == 500
    [event] = run.of("error")
    assert (event.node, event["error"]) == ("service", "ValueError: boom")


def test_an_answer_that_fits_no_model_is_an_error_that_says_which_endpoint_and_not_in_which_file():
    """Or the history, and its digest, would differ from machine to machine."""

    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def index() -> int:
            return "no number"  # type: ignore[return-value]

    run = get(build)
    [error] = [event["error"] for event in run.of("error")]
    assert "ResponseValidationError" in error and "GET /" in error
    assert __file__ not in error


def test_an_exception_in_a_bare_asgi_app_is_a_500_and_an_error_event_too():
    async def fails(path: str) -> None:
        raise ValueError("boom")

    run = get(lambda app, node: asgi_app(fails))

    assert run.result.status_code == 500
    assert run.of("error")[0]["error"] == "ValueError: boom"


def test_a_service_goes_on_after_an_exception():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/{number}")
        async def root(number: int) -> int:
            return 1 // number

    async def scenario(world: World) -> list[int]:
        world.start("service", lambda node: furnished(build, node))
        async with world.client("ada") as ada:
            return [(await ada.get(f"http://service/{number}")).status_code for number in (0, 1)]

    assert kept(scenario).result == [500, 200]


def test_work_in_the_background_begins_after_the_answer():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root(background: BackgroundTasks) -> str:
            async def mail() -> None:
                await asyncio.sleep(3)
                node.record("mailed")

            background.add_task(mail)
            return "accepted"

    run = get(build)

    assert run.of("answer")[0].at < 0.01
    assert run.of("mailed")[0].at == pytest.approx(3, abs=0.01)


def test_work_in_the_background_is_lost_in_a_crash_though_the_answer_was_given():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root(background: BackgroundTasks) -> str:
            async def mail() -> None:
                await asyncio.sleep(3)
                node.record("mailed")

            background.add_task(mail)
            return "accepted"

    run = get(build, faults=[Crash("service", at=1)])

    assert run.result.status_code == 200
    assert not run.of("mailed")


def test_an_exception_in_the_background_is_an_error_event_and_the_answer_stands():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root(background: BackgroundTasks) -> str:
            async def mail() -> None:
                raise ValueError("no postman")

            background.add_task(mail)
            return "accepted"

    run = get(build)

    assert run.result.status_code == 200
    assert run.of("error")[0]["error"] == "ValueError: no postman"


def test_middleware_works():
    def build(app: FastAPI, node: Node) -> None:
        @app.middleware("http")
        async def stamp(request: Request, go_on: Any) -> Any:
            response = await go_on(request)
            response.headers["x-stamp"] = "seen"
            return response

        @app.get("/")
        async def root() -> str:
            await asyncio.sleep(1)
            return "ok"

    assert get(build).result.headers["x-stamp"] == "seen"


# ---- start-up -------------------------------------------------------------------------------------


def test_requests_wait_for_the_start_up_to_end():
    def build(app: FastAPI, node: Node) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            await asyncio.sleep(2)
            node.record("started")
            yield {"name": node.name}

        app = FastAPI(lifespan=lifespan)

        @app.get("/")
        async def root(request: Request) -> str:
            return request.state.name

        return app

    run = get(build)

    assert run.result.json() == "service"
    assert run.of("started")[0].at <= run.of("reply")[0].at
    assert run.of("reply")[0].at == pytest.approx(2, abs=0.01)


def test_a_start_up_that_raises_ends_the_service_with_its_reason():
    def build(app: FastAPI, node: Node) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            raise RuntimeError("no configuration")
            yield

        return FastAPI(lifespan=lifespan)

    run = get(build)

    assert [event["error"] for event in run.of("exit")] == ["RuntimeError: no configuration"]
    assert isinstance(run.error, httpx.TransportError)


def test_a_shutdown_is_never_asked_for():
    def build(app: FastAPI, node: Node) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            yield
            node.record("shut down")

        return FastAPI(lifespan=lifespan)

    assert not get(build).of("shut down")


def test_a_restarted_service_starts_up_again():
    def build(app: FastAPI, node: Node) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            node.record("started")
            yield

        return FastAPI(lifespan=lifespan)

    assert len(get(build, faults=[Crash("service", at=1, down=1)]).of("started")) == 2


# ---- contexts ----------------------------------------------------------------------------------------

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


def test_a_context_variable_of_the_caller_is_not_seen_by_the_callee():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> str:
            return colour.get()

    async def scenario(world: World) -> str:
        world.start("service", lambda node: furnished(build, node))
        colour.set("red")
        async with world.client("ada") as ada:
            return (await ada.get("http://service/")).json()

    assert kept(scenario).result == "none"


def test_a_context_variable_of_one_request_is_not_seen_by_the_next():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> str:
            seen = colour.get()
            colour.set("red")
            return seen

    async def scenario(world: World) -> list[str]:
        world.start("service", lambda node: furnished(build, node))
        async with world.client("ada") as ada:
            return [(await ada.get("http://service/")).json() for _ in range(2)]

    assert kept(scenario).result == ["none", "none"]


def test_a_context_variable_of_a_request_is_seen_in_all_that_serves_it():
    def build(app: FastAPI, node: Node) -> None:
        async def paint() -> str:
            colour.set("blue")
            return "painted"

        @app.get("/")
        async def root(_: Annotated[str, Depends(paint)]) -> str:
            return await asyncio.create_task(deeper())

        async def deeper() -> str:
            return colour.get()

    assert get(build).result.json() == "blue"


# ---- threads that are none ------------------------------------------------------------------------------


def test_a_def_endpoint_runs_inline_in_a_simulation():
    here: list[int] = []

    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        def root() -> str:
            here.append(threading.get_ident())
            return "ok"

        @app.get("/where")
        async def where() -> str:
            here.append(threading.get_ident())
            return "ok"

    async def scenario(world: World) -> None:
        world.start("service", lambda node: furnished(build, node))
        async with world.client("ada") as ada:
            await ada.get("http://service/")
            await ada.get("http://service/where")

    kept(scenario)

    assert here[0] == here[1]


def test_a_def_endpoint_outside_of_a_simulation_runs_in_a_thread():
    app = FastAPI()

    @app.get("/")
    def root() -> bool:
        return threading.current_thread() is threading.main_thread()

    async def main() -> bool:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get("/")).json()

    get(lambda app, node: None)  # a simulation has been here

    assert asyncio.run(main()) is False


def test_a_def_dependency_that_yields_works():
    def build(app: FastAPI, node: Node) -> None:
        def connection():
            node.record("opened")
            yield "connection"
            node.record("closed")

        @app.get("/")
        def root(connection: Annotated[str, Depends(connection)]) -> str:
            return connection

    run = get(build)

    assert run.result.json() == "connection"
    assert run.of("opened") and run.of("closed")


def test_time_sleep_in_a_service_is_refused_with_the_reason():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        async def root() -> None:
            time.sleep(0.01)  # noqa: ASYNC251

    run = get(build)

    assert run.result.status_code == 500
    assert "Write `await asyncio.sleep(0.01)`" in run.of("error")[0]["error"]


def test_time_sleep_in_a_def_endpoint_and_in_to_thread_is_refused_too():
    def build(app: FastAPI, node: Node) -> None:
        @app.get("/")
        def root() -> None:
            time.sleep(0.01)

    async def scenario(world: World) -> None:
        await asyncio.to_thread(time.sleep, 0.01)

    assert "blocks the whole process" in get(build).of("error")[0]["error"]
    assert "blocks the whole process" in str(simulate(scenario).error)


def test_time_sleep_outside_of_a_simulation_sleeps():
    get(lambda app, node: None)
    began = time.perf_counter()

    time.sleep(0.02)

    assert time.perf_counter() - began >= 0.02


def test_time_sleep_in_another_thread_sleeps_while_a_simulation_runs():
    slept: list[float] = []

    def sleeper() -> None:
        began = time.perf_counter()
        time.sleep(0.02)
        slept.append(time.perf_counter() - began)

    async def scenario(world: World) -> None:
        thread = threading.Thread(target=sleeper)
        thread.start()
        thread.join()

    kept(scenario)

    assert slept[0] >= 0.02
