"""inventory by gRPC over real HTTP/2 on 127.0.0.1: what only a real connection shows, and the same trace."""

from __future__ import annotations

import asyncio
import socket

import grpc
import grpc.aio
import pytest

from classroom import live
from classroom.pictures.spans import spans_of
from services.rpc import Inventory, InventoryClient, Line, OutOfStock, listening
from services.tracing import Tracing, TracingServerInterceptor, client_interceptors

Code = grpc.StatusCode


def run_of(body, *, servicer=Inventory, **options):
    """A live run in which `body(client, world)` was awaited. The client waits 5 s at most."""

    async def scenario(world):
        node, tracing = world.node("inventory"), Tracing(world.node("ada"))
        watch = TracingServerInterceptor(Tracing(node))
        async with listening(servicer(node, **options), interceptors=[watch]) as port:
            target = f"127.0.0.1:{port}"
            async with grpc.aio.insecure_channel(
                target, interceptors=client_interceptors(tracing)
            ) as channel:
                with tracing.span("shopping"):
                    return await body(InventoryClient(channel, timeout=5.0), world)

    return live(scenario, limit=20)


async def until(run, kind):
    """Wait until something of this kind is in the history."""
    await until_true(lambda: any(event.kind == kind for event in run.history))


async def until_true(question):
    while not question():  # noqa: ASYNC110  # what happens is told to nobody but the history
        await asyncio.sleep(0.005)  # what happens is told to nobody but the history


def test_a_call_reserves_and_a_refusal_is_a_status():
    async def body(client, world):
        left = await client.reserve(7, "lamp", 2)
        with pytest.raises(OutOfStock, match="99 lamp ordered, 98 left"):
            await client.reserve(8, "lamp", 99)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.reserve(9, "unicorn")
        return left, failed.value.code(), failed.value.details()

    run = run_of(body)
    run.raise_error()
    assert run.result == (98, Code.NOT_FOUND, "there is no item 'unicorn'")
    assert run.rows("inventory", "reservations") == [{"order_id": 7, "item": "lamp", "quantity": 2}]


def test_a_stream_goes_both_ways_at_once():
    """The second line is written only when the first one's outcome has been read."""

    async def body(client, world):
        read = asyncio.Event()
        log = []

        async def lines():
            for order, item in [(1, "lamp"), (2, "unicorn")]:
                log.append(f"line {order}")
                yield Line(order=order, item=item, quantity=1)
                await read.wait()
                read.clear()

        async for outcome in client.reserve_all(lines()):
            log.append(f"outcome {outcome.order}: {outcome.WhichOneof('outcome')}")
            read.set()
        return log

    run = run_of(body)
    run.raise_error()
    assert run.result == ["line 1", "outcome 1: left", "line 2", "outcome 2: refused"]


def test_a_deadline_reaches_the_server_and_cancels_its_work():
    async def body(client, world):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.reserve(7, "lamp", timeout=0.2)
        await until(world, "cancelled")
        return failed.value.code()

    run = run_of(body, takes=60.0)
    run.raise_error()
    assert run.result is Code.DEADLINE_EXCEEDED
    assert [event["why"] for event in run.of("cancelled")] == ["deadline"]
    assert run.rows("inventory", "reservations") == []


def test_who_leaves_cancels_the_servers_work_long_before_the_deadline():
    async def body(client, world):
        task = asyncio.create_task(client.reserve(7, "lamp"))
        await until(world, "walking")
        task.cancel()
        await until(world, "cancelled")

    class Walking(Inventory):
        async def Reserve(self, request, context):
            self._node.record("walking", remaining=context.time_remaining())
            return await super().Reserve(request, context)

    run = run_of(body, servicer=Walking, takes=60.0)
    run.raise_error()
    (walking,), (cancelled,) = run.of("walking"), run.of("cancelled")
    assert 4.0 < walking["remaining"] < 6.0  # gRPC rounds it up
    assert cancelled["why"] == "the caller has gone"
    assert cancelled.at < 4.0


def test_metadata_go_there_and_come_back():
    async def body(client, world):
        seen = []

        class Curious(Inventory):
            async def Reserve(self, request, context):
                seen.append(dict(context.invocation_metadata())["tenant"])
                return await super().Reserve(request, context)

        node = world.node("curious")
        async with (
            listening(Curious(node)) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            stub = InventoryClient(channel)._stub
            call = stub.Reserve(Line(order=7, item="lamp", quantity=1), metadata=(("tenant", "hotel"),))
            await call
            return seen, dict(await call.trailing_metadata())

    run = run_of(body)
    run.raise_error()
    assert run.result == (["hotel"], {"served-by": "curious"})


def test_where_nobody_listens_it_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: refused, and nobody else's either
        port = taken.getsockname()[1]

        async def body(client, world):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await InventoryClient(channel).reserve(7, "lamp")

        run = run_of(body)
    assert isinstance(run.error, grpc.aio.AioRpcError)
    assert run.error.code() is Code.UNAVAILABLE


def test_at_the_end_the_port_is_closed():
    async def body(client, world):
        async with listening(Inventory(world.node("other"))) as port:
            pass
        return port

    run = run_of(body)
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.1", run.result)) != 0


def test_the_trace_goes_over_real_http2_by_the_metadata():
    async def body(client, world):
        await client.reserve(7, "lamp")
        return [one async for one in client.reserve_all([Line(order=8, item="chair", quantity=1)])]

    run = run_of(body)
    run.raise_error()
    spans = spans_of(run)
    (shopping,) = (span for span in spans if span.kind == "internal")
    for name in ("shop.Inventory/Reserve", "shop.Inventory/ReserveAll"):
        client, server = (
            next(s for s in spans if (s.name, s.kind) == (name, kind)) for kind in ("client", "server")
        )
        assert (client.service, server.service) == ("ada", "inventory")
        assert [client.parent_id, server.parent_id] == [shopping.span_id, client.span_id]
        assert {client.trace_id, server.trace_id} == {shopping.trace_id}
        assert server.attributes["rpc.response.status_code"] == "OK"


def test_a_cancelled_call_ends_both_spans():
    async def body(client, world):
        task = asyncio.create_task(client.reserve(7, "lamp"))
        await asyncio.sleep(0.2)
        task.cancel()
        await until(world, "cancelled")
        await until_true(lambda: sum(event.kind == "span" for event in world.history) == 2)

    run = run_of(body, takes=60.0)
    run.raise_error()
    assert run.duration < 4
    spans = {span.kind: span for span in spans_of(run)}
    for kind, error in (
        ("client", "CANCELLED"),
        ("server", None),
    ):  # to be left is no failure of the server's
        assert spans[kind].attributes["rpc.response.status_code"] == "CANCELLED"
        assert spans[kind].error == error


def test_who_stops_reading_a_stream_cancels_it():
    async def body(client, world):
        lines = (Line(order=n, item="lamp", quantity=1) for n in range(1, 100))
        replies = client.reserve_all(lines)
        async for _ in replies:
            break
        await replies.aclose()
        await until(world, "cancelled")
        await until_true(lambda: sum(event.kind == "span" for event in world.history) == 2)

    run = run_of(body, takes=0.05)
    run.raise_error()
    assert run.duration < 4
    assert len(run.rows("inventory", "reservations")) < 10
    (client,) = (span for span in spans_of(run) if span.kind == "client")
    assert client.attributes["rpc.response.status_code"] == "CANCELLED"


def test_what_the_lines_raise_is_raised_and_no_cancellation():
    async def body(client, world):
        async def lines():
            yield Line(order=1, item="lamp", quantity=1)
            raise LookupError("no more paper")

        return [outcome async for outcome in client.reserve_all(lines())]

    assert isinstance(run_of(body).error, LookupError)


def test_a_port_that_is_taken_is_an_error():
    async def body(client, world):
        node = world.node("other")
        async with listening(Inventory(node)) as port:
            with pytest.raises(RuntimeError):
                async with listening(Inventory(node), port=port):
                    pass

    run_of(body).raise_error()


def test_where_no_time_is_left_it_is_a_deadline_exceeded():
    async def body(client, world):
        await client.reserve(7, "lamp", timeout=0.0)

    run = run_of(body, takes=1.0)
    assert isinstance(run.error, grpc.aio.AioRpcError)
    assert run.error.code() is Code.DEADLINE_EXCEEDED


def test_two_hundred_calls_at_once_are_served_and_the_end_is_silent(capfd):
    async def body(client, world):
        await asyncio.gather(*(client.reserve(n, "lamp") for n in range(1, 201)))
        lines = (Line(order=n, item="lamp", quantity=1) for n in range(201, 401))
        return len([outcome async for outcome in client.reserve_all(lines)])

    run = run_of(body, stock={"lamp": 1_000})
    run.raise_error()
    assert run.result == 200
    assert len(run.rows("inventory", "reservations")) == 400
    assert capfd.readouterr().err == ""
