"""inventory by gRPC in a simulated world: the same stub, servicer and bytes over its network."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom import Crash, Drop, Slow, live, simulate
from classroom.pictures.spans import spans_of
from services.rpc import Inventory, InventoryClient, Line, OutOfStock, TunnelApp, TunnelChannel
from services.rpc.tunnel import frame, unframe
from services.rpc.tunnel_app import seconds
from services.tracing import Tracing, TracingServerInterceptor, client_interceptors

Code = grpc.StatusCode


def inventory(**options):
    def start(node):
        tracing = Tracing(node)
        return TunnelApp(Inventory(node, **options), interceptors=[TracingServerInterceptor(tracing)])

    return start


def run_of(body, *, faults=(), **options):
    """A run in which ada awaited `body(client)`."""

    async def scenario(world):
        world.start("inventory", inventory(**options))
        tracing = Tracing(world.node("ada"))
        channel = TunnelChannel(world.client("ada"), "inventory", interceptors=client_interceptors(tracing))
        with tracing.span("shopping"):
            try:
                return await body(InventoryClient(channel))
            finally:
                await world.run_for(5)

    return simulate(scenario, seed=7, faults=faults)


def code_of(run):
    assert isinstance(run.error, grpc.aio.AioRpcError), run.error
    return run.error.code()


def test_a_call_reserves_and_says_how_many_are_left():
    run = run_of(lambda client: client.reserve(7, "lamp", 2))
    run.raise_error()
    assert run.result == 98
    assert run.rows("inventory", "reservations") == [{"order_id": 7, "item": "lamp", "quantity": 2}]


def test_the_bytes_on_the_network_are_protobufs():
    """Field by field: its number times 8, plus its type (0 varint, 2 bytes), then the value."""
    seen = []

    def overheard(node):
        app = TunnelApp(Inventory(node))

        async def asgi(scope, receive, send):
            async def listen():
                message = await receive()
                seen.append(message["body"])
                return message

            await app(scope, listen, send)

        return asgi

    async def scenario(world):
        world.start("inventory", overheard)
        await InventoryClient(TunnelChannel(world.client("ada"), "inventory")).reserve(7, "lamp", 2)

    simulate(scenario).raise_error()
    assert seen == [b"\0\0\0\0\x0a" + b"\x08\x07" + b"\x12\x04lamp" + b"\x18\x02"]


def test_the_same_order_again_reserves_nothing_more():
    async def twice(client):
        return [await client.reserve(7, "lamp"), await client.reserve(7, "lamp")]

    assert run_of(twice).result == [99, 99]


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ((7, "unicorn", 1), Code.NOT_FOUND, "unicorn"),
        ((7, "lamp", 0), Code.INVALID_ARGUMENT, "got 0"),
        ((6, "lamp", 2), Code.ALREADY_EXISTS, "order 6"),
    ],
)
def test_what_is_wrong_with_a_call_is_a_status_and_a_sentence(line, code, why):
    async def ask(client):
        await client.reserve(6, "lamp", 1)
        await client.reserve(*line)

    run = run_of(ask)
    assert code_of(run) is code
    assert why in run.error.details()
    assert len(run.rows("inventory", "reservations")) == 1


def test_what_is_not_there_is_refused_and_nothing_is_reserved():
    run = run_of(lambda client: client.reserve(7, "lamp", 3), stock={"lamp": 2})
    assert isinstance(run.error, OutOfStock)
    assert "3 lamp ordered, 2 left" in str(run.error)
    assert run.rows("inventory", "reservations") == []


def test_a_deadline_that_is_over_cancels_the_work_and_reserves_nothing():
    run = run_of(lambda client: client.reserve(7, "lamp", timeout=0.5), takes=2.0)
    assert code_of(run) is Code.DEADLINE_EXCEEDED
    (cancelled,) = run.of("cancelled")
    assert (cancelled.node, cancelled["why"]) == ("inventory", "deadline")
    assert cancelled.at == pytest.approx(0.5, abs=0.01)
    assert run.rows("inventory", "reservations") == []


def test_who_is_down_is_unavailable_and_so_is_who_dies_at_work():
    down = run_of(lambda client: client.reserve(7, "lamp"), faults=[Crash("inventory", at=0, down=100)])
    dies = run_of(
        lambda client: client.reserve(7, "lamp", timeout=3),
        takes=1.0,
        faults=[Crash("inventory", at=0.5, down=100)],
    )
    assert [code_of(down), code_of(dies)] == [Code.UNAVAILABLE] * 2


def test_a_lost_answer_is_a_deadline_exceeded_though_it_was_done():
    run = run_of(
        lambda client: client.reserve(7, "lamp"), faults=[Drop("ada", "inventory", part="reply", nth=1)]
    )
    assert code_of(run) is Code.DEADLINE_EXCEEDED
    assert len(run.rows("inventory", "reservations")) == 1


def test_a_stream_answers_each_line_and_a_refusal_does_not_end_it():
    async def lines():
        for order, item in [(1, "lamp"), (2, "unicorn"), (3, "chair")]:
            yield Line(order=order, item=item, quantity=1)

    async def ask(client):
        return [
            (outcome.order, outcome.WhichOneof("outcome")) async for outcome in client.reserve_all(lines())
        ]

    assert run_of(ask).result == [(1, "left"), (2, "refused"), (3, "left")]


def test_a_method_that_is_not_there_is_unimplemented_and_a_bug_is_unknown():
    async def call(world, path, servicer=None):
        channel = TunnelChannel(world.client("ada"), "inventory")
        method = channel.unary_unary(
            path, request_serializer=Line.SerializeToString, response_deserializer=Line.FromString
        )
        return await method(Line(order=1, item="lamp", quantity=1)).code()

    class Buggy(Inventory):
        async def Reserve(self, request, context):
            raise ZeroDivisionError

    async def scenario(world):
        world.start("inventory", lambda node: TunnelApp(Buggy(node)))
        return [await call(world, f"/shop.Inventory/{name}") for name in ("Nothing", "Reserve")]

    run = simulate(scenario)
    run.raise_error()
    assert run.result == [Code.UNIMPLEMENTED, Code.UNKNOWN]


def test_metadata_go_there_and_come_back():
    seen = []

    class Curious(Inventory):
        async def Reserve(self, request, context):
            seen.append(dict(context.invocation_metadata())["tenant"])
            return await super().Reserve(request, context)

    async def scenario(world):
        world.start("inventory", lambda node: TunnelApp(Curious(node)))
        client = InventoryClient(TunnelChannel(world.client("ada"), "inventory"))
        await client.reserve(7, "lamp", metadata=[("tenant", "hotel")])

    simulate(scenario).raise_error()
    assert seen == ["hotel"]


def test_a_call_is_a_client_span_and_its_child_a_server_span_by_the_metadata_alone():
    run = run_of(lambda client: client.reserve(7, "lamp"))
    spans = {span.kind: span for span in spans_of(run)}
    client, server = spans["client"], spans["server"]
    assert (client.name, server.name) == ("shop.Inventory/Reserve",) * 2
    assert client.parent_id == spans["internal"].span_id
    assert (server.service, server.trace_id, server.parent_id) == (
        "inventory", client.trace_id, client.span_id,
    )  # fmt: skip
    assert server.attributes == {
        "rpc.system.name": "grpc", "rpc.method": "shop.Inventory/Reserve", "rpc.response.status_code": "OK",
    }  # fmt: skip


def test_a_stream_is_one_span_on_each_side():
    async def ask(client):
        return [each async for each in client.reserve_all([Line(order=1, item="lamp", quantity=1)] * 3)]

    run = run_of(ask)
    client, server = (next(s for s in spans_of(run) if s.kind == kind) for kind in ("client", "server"))
    assert (client.name, server.parent_id) == ("shop.Inventory/ReserveAll", client.span_id)
    assert len(spans_of(run)) == 3


@pytest.mark.parametrize(
    ("line", "options", "client", "server"),
    [
        ((7, "unicorn", 1), {}, "NOT_FOUND", None),
        ((7, "lamp", 101), {}, "FAILED_PRECONDITION", None),
        ((7, "lamp", 1), {"takes": 2.0}, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
    ],
)
def test_a_refusal_is_the_clients_error_and_a_missed_deadline_both_sides(line, options, client, server):
    run = run_of(lambda c: c.reserve(*line), **options)
    spans = {span.kind: span for span in spans_of(run)}
    assert spans["client"].error.startswith(client)
    error = spans["server"].error
    assert error is None if server is None else error.startswith(server)


def test_calls_at_once_stay_apart():
    async def ask(client):
        return await asyncio.gather(*(client.reserve(n, "lamp") for n in range(1, 21)))

    run = run_of(ask, faults=[Slow("inventory", by=0.1, at=0, lasts=10)])
    run.raise_error()
    assert sorted(run.result) == list(range(80, 100))
    spans = spans_of(run)
    asked = [span.span_id for span in spans if span.kind == "client"]
    assert sorted(span.parent_id for span in spans if span.kind == "server") == sorted(asked)


def test_who_is_cancelled_ends_its_span_and_the_callee_does_not_learn_of_it():
    async def ask(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reserve(7, "lamp", timeout=10), 0.5)

    run = run_of(ask, takes=1.0)
    run.raise_error()
    (client,) = (span for span in spans_of(run) if span.kind == "client")
    assert client.error == "CANCELLED"
    assert client.end == pytest.approx(0.5, abs=0.01)
    assert len(run.rows("inventory", "reservations")) == 1


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_where_no_time_is_left_nothing_is_sent(timeout):
    run = run_of(lambda client: client.reserve(7, "lamp", timeout=timeout))
    assert code_of(run) is Code.DEADLINE_EXCEEDED
    assert run.of("request") == []


def test_what_the_lines_raise_is_raised():
    async def lines():
        yield Line(order=1, item="lamp", quantity=1)
        raise LookupError("no more paper")

    async def ask(client):
        return [outcome async for outcome in client.reserve_all(lines())]

    assert isinstance(run_of(ask).error, LookupError)


@pytest.mark.parametrize(
    ("header", "wait"),
    [("150m", 0.15), ("5S", 5), ("2M", 120), ("1H", 3600), ("9u", 9e-6),
     ("", None), ("5", None), ("-5m", None), ("123456789m", None)],
)  # fmt: skip
def test_a_grpc_timeout_is_digits_and_a_unit(header, wait):
    assert seconds(header) == (None if wait is None else pytest.approx(wait))


def test_a_call_without_a_message_is_an_error_of_the_callers_library():
    async def scenario(world):
        world.start("inventory", inventory())
        async with world.client("ada") as http:
            return (await http.post("http://inventory/shop.Inventory/Reserve")).headers["grpc-status"]

    assert simulate(scenario).result == str(Code.INTERNAL.value[0])


@pytest.mark.parametrize("pair", [("key-bin", b"\0"), ("grpc-timeout", "1S"), ("host", "x")])
def test_metadata_that_a_tunnel_cannot_carry_are_refused(pair):
    run = run_of(lambda client: client.reserve(7, "lamp", metadata=[pair]))
    assert isinstance(run.error, ValueError)
    assert pair[0] in str(run.error)


def test_a_tunnel_is_the_same_over_real_sockets_of_http():
    async def scenario(world):
        world.start("inventory", inventory())
        client = InventoryClient(TunnelChannel(world.client("ada"), "inventory"), timeout=5.0)
        left = await client.reserve(7, "lamp", 2)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.reserve(8, "unicorn")
        return left, failed.value.code(), failed.value.details()

    runs = [simulate(scenario), live(scenario)]
    for run in runs:
        run.raise_error()
        assert run.result == (98, Code.NOT_FOUND, "there is no item 'unicorn'")


@given(st.lists(st.binary(max_size=300)))
def test_messages_come_out_of_their_frames_as_they_went_in(messages):
    assert unframe(frame(messages)) == messages


@given(st.lists(st.binary(max_size=9), min_size=1), st.integers(min_value=1))
def test_a_body_that_was_cut_is_an_error(messages, less):
    body = frame(messages)
    cut = body[: -(less % len(body)) or None]
    if cut != body and frame(messages[: len(messages) - 1]) != cut:
        try:
            assert len(unframe(cut)) < len(messages)  # cut between two frames
        except ValueError:
            pass
