import tracemalloc

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from minibroker import InvalidArgument
from minibroker.router import REMEMBERED, Router


def test_what_is_bound_receives_what_fits():
    router = Router[str]()
    router.bind("orders/+/placed", "billing")
    router.bind("orders/#", "audit")

    assert router.match("orders/7/placed") == ("billing", "audit")
    assert router.match("orders/7/shipped") == ("audit",)
    assert router.match("stock") == ()


def test_a_target_is_found_once_where_its_first_filter_stands():
    router = Router[str]()
    for filter, target in [("a/#", "one"), ("a/b", "two"), ("+/b", "one"), ("#", "two")]:
        router.bind(filter, target)

    assert router.match("a/b") == ("one", "two")
    assert router.match("x/b") == ("one", "two")
    router.unbind("a/#", "one")
    assert router.match("a/b") == ("two", "one")


def test_binding_twice_is_one_binding_and_unbinding_what_is_not_bound_is_none():
    router = Router[str]()

    assert router.bind("a", "x")
    assert not router.bind("a", "x")
    assert router.unbind("a", "x")
    assert not router.unbind("a", "x")
    assert not router.unbind("#/not/a/filter", "x")
    assert router.match("a") == ()
    assert router.changes == 2


def test_a_change_is_seen_by_a_subject_that_was_asked_for_before():
    router = Router[str]()
    assert router.match("a") == ()

    router.bind("+", "x")
    assert router.match("a") == ("x",)
    router.unbind("+", "x")
    assert router.match("a") == ()


def test_bindings_are_plain_facts_in_order():
    router = Router[tuple[str, str]]()
    router.bind("b", ("queue", "mails"))
    router.bind("a", ("topic", "log"))

    assert router.bindings() == [("b", ("queue", "mails")), ("a", ("topic", "log"))]
    assert len(router) == 2


def test_what_was_unbound_and_what_was_asked_for_long_ago_is_forgotten():
    router = Router[str]()
    router.bind("a/b", "stays")

    def come_and_go(rounds: int) -> int:
        for number in range(rounds):
            for filter in (f"a/b/{number}/+/#", f"a/{number}", f"{number}"):
                router.bind(filter, "goes")
                router.unbind(filter, "goes")
        for number in range(3 * REMEMBERED):
            router.match(f"subject/{number}")
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = come_and_go(10)
        assert come_and_go(2_000) - before < 50_000
    finally:
        tracemalloc.stop()
    assert router.match("a/b") == ("stays",)


def test_bad_filters_and_subjects_change_nothing():
    router = Router[str]()
    with pytest.raises(InvalidArgument, match="last level"):
        router.bind("a/#/b", "x")
    with pytest.raises(InvalidArgument, match="no wildcards"):
        router.match("a/#")
    assert router.bindings() == []


# -- against a list of filters, and a matcher that asks level by level ---------------------------------

LEVELS = ["a", "b", "", "$SYS"]
subjects = st.lists(st.sampled_from(LEVELS), min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.sampled_from([*LEVELS, "+", "+"]), max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool)
receivers = st.sampled_from("xyz")


def fits(filter: list[str], subject: list[str]) -> bool:
    """The standard's words, level by level."""
    if filter == ["#"]:
        return True
    if not filter or not subject:
        return not filter and not subject
    return filter[0] in ("+", subject[0]) and fits(filter[1:], subject[1:])


def naive(filter: str, subject: str) -> bool:
    if subject.startswith("$") and filter[0] in "+#":
        return False
    return fits(filter.split("/"), subject.split("/"))


class RouterModel(RuleBasedStateMachine):
    @initialize()
    def build(self) -> None:
        self.router = Router[str]()
        self.bound: list[tuple[str, str]] = []

    @rule(filter=filters, receiver=receivers)
    def bind(self, filter: str, receiver: str) -> None:
        new = (filter, receiver) not in self.bound
        assert self.router.bind(filter, receiver) == new
        if new:
            self.bound.append((filter, receiver))

    @rule(filter=filters, receiver=receivers)
    def unbind_any(self, filter: str, receiver: str) -> None:
        there = (filter, receiver) in self.bound
        assert self.router.unbind(filter, receiver) == there
        if there:
            self.bound.remove((filter, receiver))

    @rule(data=st.data())
    def unbind_one(self, data: st.DataObject) -> None:
        if self.bound:
            self.unbind_any(*data.draw(st.sampled_from(self.bound)))

    @rule(subject=subjects)
    def match(self, subject: str) -> None:
        expected = [receiver for filter, receiver in self.bound if naive(filter, subject)]
        assert list(self.router.match(subject)) == list(dict.fromkeys(expected))

    @invariant()
    def same_bindings(self) -> None:
        if hasattr(self, "router"):
            assert self.router.bindings() == self.bound


TestRouterModel = RouterModel.TestCase
