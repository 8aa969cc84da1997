"""Lesson 14's order over real sockets: HTTP, gRPC, MQTT and a log make one trace, and each lost header shows.

Idea      The code is the lesson's own, cell by cell; a test takes a line out of it and looks what is gone.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from classroom.pictures.spans import spans_of, traces
from classroom.pictures.topology import edges_of
from tests.repository import ROOT

CELLS = ("imports", "live-orders", "user-properties", "live-workers", "live-notifications", "live-scenario")
WHOLE = {
    ("ada", "orders", "call", "HTTP"),
    ("orders", "inventory", "call", "gRPC"),
    ("orders", "shipping", "message", "parcels"),
    ("shipping", "notifications", "message", "shipped"),
}
Edges = set[tuple[str, str, str, str]]


@cache
def lesson() -> str:
    """The cells of the lesson that make the scenario `one_order`."""
    stored = json.loads((ROOT / "lessons" / "14_distributed_tracing.ipynb").read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in stored["cells"]}
    return "\n\n\n".join(cells[name] for name in CELLS)


def one_order(old: str = "", new: str = "") -> tuple[int, Edges]:
    """How many traces the order made over real sockets, and who leads back to whom."""
    assert old in lesson()
    names: dict[str, Any] = {"__name__": "lesson_14"}
    exec(compile(lesson().replace(old, new) if old else lesson(), "lesson 14", "exec"), names)
    run = names["live"](names["one_order"])
    run.raise_error()
    spans = spans_of(run)
    return len(traces(spans)), {(e.source, e.target, e.how, e.by) for e in edges_of(spans)}


def test_one_order_over_http_grpc_mqtt_and_the_log_is_one_trace() -> None:
    assert one_order() == (1, WHOLE)


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ('TracedNode(Tracing(world.node("ada"))).client()', 'world.client("ada")', "orders"),
        ("client_interceptors(node.tracing)", "[]", "inventory"),
        ("dict(message.properties.UserProperty)", "{}", "shipping"),
        ('"shipped", record, as_parent=True', '"shipped", {}', "notifications"),
    ],
)
def test_where_a_header_is_not_handed_on_or_not_read_just_that_edge_is_gone(
    old: str, new: str, lost: str
) -> None:
    many, edges = one_order(old, new)

    assert {edge[1] for edge in WHOLE - edges} == {lost}
    assert many == (1 if lost == "orders" else 2)  # without Ada's own span the trace begins at orders


def test_messages_can_be_linked_instead_and_then_each_consumer_begins_a_trace() -> None:
    many, edges = one_order(", as_parent=True", "")

    assert many == 3
    assert {edge[2] for edge in edges if edge[1] in ("shipping", "notifications")} == {"link"}
