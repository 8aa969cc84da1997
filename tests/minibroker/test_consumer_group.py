import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibroker import FencedMember, GroupNotEmpty, IllegalMove, InvalidArgument, NoSuchTopic, StaleGeneration
from minibroker.assignment import ASSIGNORS, assign_range, assign_round_robin, assign_sticky
from minibroker.consumer_group import ConsumerGroup
from minibroker.group_states import TRANSITIONS, GroupEvent, GroupState, allowed, next_state
from minibroker.topic import TopicLog


def shop(*, partitions: int = 4, records: int = 10, **options: Any) -> ConsumerGroup:
    """Group "billing" over topic "orders"; record n of each partition was written at n seconds."""
    topic = TopicLog("orders", partitions=partitions)
    for number in range(records):
        for partition in range(partitions):
            topic.append("k", number, now=number, partition=partition)

    def find(name: str) -> TopicLog:
        if name != "orders":
            raise NoSuchTopic(f"no topic {name!r}")
        return topic

    group = ConsumerGroup("billing", find, **options)
    group.topic = topic  # type: ignore[attr-defined]
    return group


def joined(group: ConsumerGroup, *members: str, now: float = 0.0) -> ConsumerGroup:
    """All of them join, and all who were there before join again."""
    for member in members:
        group.join(member, ["orders"], now=now)
    for member in group.members:
        if group.state is GroupState.PREPARING_REBALANCE:
            group.join(member, ["orders"], now=now)
    assert group.state is GroupState.STABLE
    return group


def owned(group: ConsumerGroup) -> dict[str, list[int]]:
    return {member: [number for _, number in own] for member, own in group.members.items()}


# -- in a notebook -------------------------------------------------------------------------------------


def test_a_notebook_shows_who_owns_what_and_how_far_behind_the_group_is():
    group = joined(shop(partitions=2, records=5), "a", "b")
    group.commit("a", group.generation, {("orders", 0): 3}, now=9)

    assert "Group billing: stable, generation 2" in group._repr_html_()
    assert re.findall(r">(\w|orders/\d)</td>", group._repr_html_()) == ["a", "orders/0", "b", "orders/1"]
    lag = group.lag("orders", now=9)
    assert lag.records == 2 + 5
    assert re.findall(r">([^<>]+)</td>", lag._repr_html_()) == [
        *("orders/0", "3", "5", "2", "6"),
        *("orders/1", "-", "5", "5", "9"),
    ]


# -- generations ------------------------------------------------------------------------------------------


def test_a_single_member_owns_every_partition():
    group = shop()

    group.join("a", ["orders"], now=0)

    membership = group.sync("a", now=0)
    assert membership is not None
    assert (membership.generation, [n for _, n in membership.partitions]) == (1, [0, 1, 2, 3])


def test_nobody_gets_a_partition_until_all_have_joined_again():
    group = joined(shop(), "a")

    group.join("b", ["orders"], now=1)
    assert group.state is GroupState.PREPARING_REBALANCE
    assert group.sync("b", now=1) is None
    assert group.heartbeat("a", 1, now=2) is False
    group.join("a", ["orders"], now=2)

    assert owned(group) == {"a": [0, 1], "b": [2, 3]}
    assert group.generation == 2


def test_a_fifth_member_on_four_partitions_gets_nothing():
    assert owned(joined(shop(), *"abcde"))["e"] == []


def test_a_member_that_leaves_is_replaced_in_a_new_generation():
    group = joined(shop(), "a", "b")
    generation = group.generation

    group.leave("a", now=5)
    assert group.heartbeat("b", generation, now=5) is False
    group.join("b", ["orders"], now=5)

    assert owned(group) == {"b": [0, 1, 2, 3]}
    assert group.generation == generation + 1


def test_who_is_silent_for_session_timeout_is_given_up():
    group = joined(shop(session_timeout=10), "a", "b")
    group.heartbeat("b", group.generation, now=9)

    assert group.next_deadline() == 10
    group.advance(10)

    assert list(group.members) == ["b"]
    assert group.state is GroupState.PREPARING_REBALANCE


def test_who_does_not_join_again_within_rebalance_timeout_is_given_up():
    group = joined(shop(session_timeout=10, rebalance_timeout=15), "a")
    group.join("b", ["orders"], now=1)
    for now in (5, 10, 15):
        assert group.heartbeat("a", 1, now=now) is False

    group.advance(16)

    assert owned(group) == {"b": [0, 1, 2, 3]}


def test_who_waits_for_the_others_is_not_given_up_meanwhile():
    group = joined(shop(session_timeout=10, rebalance_timeout=100), "a")
    group.join("b", ["orders"], now=1)
    for now in range(5, 50, 5):
        group.heartbeat("a", 1, now=now)

    group.join("a", ["orders"], now=50)

    assert list(group.members) == ["a", "b"]


def test_when_the_last_member_goes_the_group_is_empty_and_keeps_its_offsets():
    group = joined(shop(), "a")
    group.commit("a", 1, {("orders", 0): 7}, now=1)

    group.leave("a", now=2)

    assert group.state is GroupState.EMPTY
    assert group.next_deadline() is None
    assert group.offsets.committed("orders", 0) == 7


def test_a_join_that_is_repeated_while_others_are_awaited_changes_nothing(history):
    group = joined(shop(observer=history), "a")
    for _ in range(2):
        group.join("b", ["orders"], now=1)
    group.join("a", ["orders"], now=1)

    assert [(e["kind"], e.get("member")) for e in history] == [
        ("joined", "a"), ("rebalanced", None), ("joined", "b"), ("joined", "a"), ("rebalanced", None),
    ]  # fmt: skip


def test_new_partitions_of_a_topic_are_shared_out_in_a_rebalance():
    group = joined(shop(partitions=2), "a")
    group.topic.grow(4)  # type: ignore[attr-defined]

    assert group.heartbeat("a", 1, now=1) is False
    group.join("a", ["orders"], now=1)

    assert owned(group) == {"a": [0, 1, 2, 3]}


# -- fenced commits ----------------------------------------------------------------------------------


def test_a_zombie_cannot_set_its_successor_back():
    group = joined(shop(session_timeout=10), "a", "b")
    old = group.generation
    group.heartbeat("b", old, now=9)
    group.advance(12)
    group.join("b", ["orders"], now=12)
    group.commit("b", group.generation, {("orders", 0): 9}, now=13)

    with pytest.raises(FencedMember, match=r"cannot commit: 'a' is not in group 'billing' at t=40s"):
        group.commit("a", old, {("orders", 0): 3}, now=40)

    assert group.offsets.committed("orders", 0) == 9


def test_a_commit_of_an_earlier_generation_is_refused():
    group = joined(shop(), "a")
    joined(group, "b")

    with pytest.raises(StaleGeneration, match="in generation 2, 'a' says 1"):
        group.commit("a", 1, {("orders", 0): 3}, now=1)

    assert group.offsets.committed("orders", 0) is None


def test_who_joins_under_the_same_name_fences_the_one_before():
    group = joined(shop(), "a")
    group.join("a", ["orders"], now=1)

    with pytest.raises(StaleGeneration):
        group.commit("a", 1, {("orders", 0): 3}, now=1)
    group.commit("a", 2, {("orders", 0): 3}, now=1)


def test_while_a_rebalance_is_prepared_a_member_may_still_commit_what_it_did():
    group = joined(shop(), "a")
    group.join("b", ["orders"], now=1)

    group.commit("a", 1, {("orders", 3): 5}, now=2)

    assert group.offsets.committed("orders", 3) == 5


def test_a_commit_is_for_partitions_that_one_owns_and_all_or_nothing():
    group = joined(shop(), "a", "b")

    with pytest.raises(InvalidArgument, match="'b' owns orders/2, orders/3, and not orders/0"):
        group.commit("b", group.generation, {("orders", 2): 5, ("orders", 0): 5}, now=1)

    assert group.offsets.committed("orders", 2) is None


def test_the_committed_offset_is_the_next_to_read_so_the_end_may_be_committed_and_no_more():
    group = joined(shop(records=10), "a")
    group.commit("a", 1, {("orders", 0): 10}, now=1)

    with pytest.raises(InvalidArgument, match="which ends at 10"):
        group.commit("a", 1, {("orders", 0): 11}, now=1)


# -- lag, reset --------------------------------------------------------------------------------------


def test_lag_is_in_records_and_in_the_seconds_that_the_first_unread_one_waits():
    group = joined(shop(partitions=2, records=10), "a")
    group.commit("a", 1, {("orders", 0): 7, ("orders", 1): 10}, now=20)

    first, second = group.lag("orders", now=20)

    assert (first.committed, first.end_offset, first.records, first.seconds) == (7, 10, 3, 13.0)
    assert (second.records, second.seconds) == (0, 0.0)


def test_lag_counts_from_the_start_when_nothing_was_committed():
    group = shop(partitions=1, records=10)
    group.topic.partition(0).trim(4)  # type: ignore[attr-defined]

    [lag] = group.lag("orders", now=20)

    assert (lag.committed, lag.records, lag.seconds) == (None, 6, 16.0)


@pytest.mark.parametrize(
    ("where", "offset"),
    [
        ({"to": "earliest"}, 0),
        ({"to": "latest"}, 10),
        ({"time": 4.5}, 5),
        ({"time": 99}, 10),
        ({"offset": 3}, 3),
    ],
)
def test_an_empty_group_can_be_reset(where, offset):
    group = shop(partitions=2)

    assert group.reset("orders", now=20, **where) == {0: offset, 1: offset}
    assert group.offsets.committed("orders", 1) == offset


def test_a_group_with_members_is_not_reset():
    with pytest.raises(GroupNotEmpty, match=r"has members \(a\)"):
        joined(shop(), "a").reset("orders", now=1, to="earliest")


@pytest.mark.parametrize("where", [{}, {"to": "begin"}, {"to": "latest", "offset": 1}])
def test_a_reset_says_one_thing_that_there_is(where):
    with pytest.raises(InvalidArgument):
        shop().reset("orders", now=1, **where)


def test_a_topic_that_is_not_there_cannot_be_joined():
    group = shop()
    with pytest.raises(NoSuchTopic):
        group.join("a", ["oders"], now=0)
    assert group.members == {}


# -- the table ---------------------------------------------------------------------------------------


def test_every_state_and_event_has_a_place_in_the_table_and_none_ends_it():
    assert {state for state, _ in TRANSITIONS} == set(GroupState) == set(TRANSITIONS.values())
    assert {event for _, event in TRANSITIONS} == set(GroupEvent)
    assert all(allowed(state) for state in GroupState)


def test_an_illegal_move_names_the_state_and_what_is_allowed_there():
    with pytest.raises(IllegalMove, match="is empty cannot complete; allowed: join"):
        next_state(GroupState.EMPTY, GroupEvent.COMPLETE)


# -- sharing out: the examples are those of Kafka's documentation ------------------------------------

TWO_TOPICS = {"t0": 3, "t1": 3}
BOTH = {"C0": ["t0", "t1"], "C1": ["t0", "t1"]}


def shown(assignment: dict[str, list[tuple[str, int]]]) -> dict[str, str]:
    return {member: " ".join(f"{t}p{n}" for t, n in own) for member, own in assignment.items()}


def test_range_gives_the_first_member_the_extra_one_of_each_topic():
    assert shown(assign_range(BOTH, TWO_TOPICS, {})) == {"C0": "t0p0 t0p1 t1p0 t1p1", "C1": "t0p2 t1p2"}


def test_round_robin_deals_all_partitions_in_turn():
    assert shown(assign_round_robin(BOTH, TWO_TOPICS, {})) == {"C0": "t0p0 t0p2 t1p1", "C1": "t0p1 t1p0 t1p2"}


def test_round_robin_skips_who_did_not_subscribe():
    members = {"C0": ["t0"], "C1": ["t0", "t1"], "C2": ["t0", "t1", "t2"]}
    assert shown(assign_round_robin(members, {"t0": 1, "t1": 2, "t2": 3}, {})) == {
        "C0": "t0p0",
        "C1": "t1p0",
        "C2": "t1p1 t2p0 t2p1 t2p2",
    }


def test_sticky_moves_only_what_the_one_who_left_had():
    members = {name: ["t"] for name in ("a", "b", "c")}
    before = assign_sticky(members, {"t": 9}, {})
    after = assign_sticky({name: ["t"] for name in ("a", "c")}, {"t": 9}, before)

    assert all(set(before[name]) <= set(after[name]) for name in ("a", "c"))
    assert sorted(map(len, after.values())) == [4, 5]


@given(
    members=st.dictionaries(
        st.sampled_from("abcde"), st.sets(st.sampled_from(["t0", "t1", "t2"]), min_size=1), min_size=1
    ),
    sizes=st.fixed_dictionaries({t: st.integers(1, 7) for t in ("t0", "t1", "t2")}),
    name=st.sampled_from(sorted(ASSIGNORS)),
)
def test_every_assignor_gives_each_partition_to_exactly_one_who_subscribed(members, sizes, name):
    partitions = {t: n for t, n in sizes.items() if any(t in topics for topics in members.values())}
    owned = ASSIGNORS[name](members, partitions, {})

    assert sorted(tp for own in owned.values() for tp in own) == [
        (t, n) for t in sorted(partitions) for n in range(partitions[t])
    ]
    assert all(topic in members[member] for member, own in owned.items() for topic, _ in own)
    assert set(owned) == set(members)


@given(
    first=st.sets(st.sampled_from("abcdef"), min_size=1),
    second=st.sets(st.sampled_from("abcdef"), min_size=1),
    size=st.integers(1, 12),
)
def test_sticky_is_even_and_moves_no_more_than_evenness_needs(first, second, size):
    before = assign_sticky({m: ["t"] for m in first}, {"t": size}, {})
    after = assign_sticky({m: ["t"] for m in second}, {"t": size}, before)

    counts = sorted(len(own) for own in after.values())
    assert counts[-1] - counts[0] <= 1
    kept = sum(len(set(after[m]) & set(before.get(m, []))) for m in second)
    most, extras = divmod(size, len(second))
    had = sorted((len(before.get(m, [])) for m in second), reverse=True)
    assert kept == sum(min(h, most + (1 if place < extras else 0)) for place, h in enumerate(had))
