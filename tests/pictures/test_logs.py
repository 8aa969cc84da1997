"""The pictures of a log: the partition tape, the ownership strip, lag."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import cache
from typing import Any

import pytest

from classroom import Crash, Pause, simulate
from classroom.pictures import Picture, lag, ownership_strip, partition_tape
from classroom.pictures.lag import lag_of
from classroom.pictures.ownership_strip import owner_at, tenures
from minibroker import Broker, BrokerApp, FencedMember
from tests.pictures.boxes import collisions, outside

SESSION = 10.0


def broker(node: Any) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_topic("orders", partitions=2)
    return BrokerApp(holder)


def reader(group: str, *, sink: bool = False, refuses: bool = False) -> Any:
    """Commits each record; with a sink it first waits for it, and then writes what it has."""

    async def consumer(node: Any) -> None:
        topic = node.topic("orders")
        member = topic.consumer(group, start="earliest", session_timeout=SESSION)
        async for record in member:
            if sink:
                await topic.partitions()
                late = refuses and record.partition == 0 and node.now() > 20
                node.record("wrote", partition=record.partition, by=node.name, refused=late)
            try:
                await member.commit(record)
            except FencedMember:
                pass

    return consumer


async def write(world: Any, count: int) -> None:
    topic = world.node("shop").topic("orders")
    for number in range(count):
        await topic.append(None, {"order": number}, partition=number % 2)
        await world.run_for(1)


@cache
def two_groups() -> Any:
    async def scenario(world: Any) -> None:
        world.start("broker", broker)
        world.start("consumer-1", reader("revenue"))
        await write(world, 5)
        world.start("consumer-2", reader("mails"))
        await world.run_for(2)

    return simulate(scenario)


@cache
def group_of(count: int, *faults: Any, **how: bool) -> Any:
    async def scenario(world: Any) -> None:
        world.start("broker", broker)
        for number in range(1, count + 1):
            world.start(f"consumer-{number}", reader("revenue", **how))
        await world.run_for(7)
        await write(world, 4)
        await world.run_for(45)

    run = simulate(scenario, faults=faults)
    run.raise_error()
    return run


@cache
def zombie(*, refuses: bool) -> Any:
    """consumer-1 stands still between its look and its write."""
    quiet = group_of(2, sink=True).effects
    look = next(
        e for e in quiet if e.node == "consumer-1" and e.at > 7 and e.what.endswith("orders/describe")
    )
    fetched = look.number + 1  # the answer to it
    return group_of(2, Pause("consumer-1", before=fetched, lasts=30), sink=True, refuses=refuses)


@cache
def pictures() -> dict[str, Picture]:
    crash = group_of(2, Crash("consumer-2", at=9, down=None))
    return {
        "tape": partition_tape(two_groups(), label=lambda v: v["order"], mark=lambda v: v["order"] == 2),
        "nobody reads": partition_tape(two_groups(), at=0.001),
        "idle": ownership_strip(group_of(3), group="revenue", prediction=3, measured=2),
        "no prediction": ownership_strip(group_of(1), group="revenue", prediction=None, measured=1),
        "crash": ownership_strip(crash, group="revenue"),
        "zombie": ownership_strip(zombie(refuses=False), group="revenue"),
        "refused": ownership_strip(zombie(refuses=True), group="revenue", since=5, until=50),
        "lag": lag(group_of(1, Crash("consumer-1", at=9, down=None)), group="revenue", prediction=30),
        "no lag": lag(group_of(1), group="revenue"),
    }


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name: str) -> None:
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture.alt.startswith(picture.title)
    assert picture.text


# ---------------------------------------------------------------- the tape


def test_the_tape_says_that_all_is_still_there_though_two_groups_have_read_it() -> None:
    picture = pictures()["tape"]
    assert picture.title == (
        "5 records in 2 partitions: revenue has read 5 and mails has read 5, and all 5 are still there"
    )
    assert picture.text.splitlines() == [
        "partition 0: 0 2 4 (revenue has read 3; mails has read 3)",
        "partition 1: 1 3 (revenue has read 2; mails has read 2)",
    ]


def test_the_tape_can_be_drawn_as_it_stood_at_a_moment() -> None:
    assert pictures()["nobody reads"].title == "1 record in 1 partition, and nobody has read one"


def test_a_topic_without_a_record_is_no_tape() -> None:
    with pytest.raises(ValueError, match="nothing was written to 'mails'"):
        partition_tape(two_groups(), topic="mails")


# ---------------------------------------------------------------- ownership


def test_the_strip_names_who_has_nothing_to_do() -> None:
    picture = pictures()["idle"]
    assert picture.title == "2 partitions keep 2 consumers busy; consumer-3 has nothing to do"
    assert "your prediction: 3; it was 2" in picture.text


def test_a_prediction_that_was_not_made_is_told() -> None:
    assert "no prediction made" in pictures()["no prediction"].text


def test_the_strip_says_how_long_a_partition_had_nobody_after_a_crash() -> None:
    assert pictures()["crash"].title == "consumer-2 does nothing from 9 s on: partition 1 has nobody for 9 s"
    assert "consumer-2 does nothing from 9.0 to" in pictures()["crash"].text


def test_an_owner_that_stood_still_owns_until_its_session_ends_and_nothing_after_it() -> None:
    run = group_of(2, Crash("consumer-2", at=9, down=None))
    found = tenures(run.history, "revenue", "orders", run.duration)
    left, rebalanced = run.of("left", member="consumer-2")[0].at, run.of("rebalanced")[-1].at

    assert left < rebalanced
    assert owner_at(found, 1, left - 0.001) == "consumer-2"
    assert owner_at(found, 1, left + 0.001) is None
    assert owner_at(found, 1, run.duration - 1) == "consumer-1"


def test_a_write_into_a_partition_that_is_anothers_by_then_is_the_finding() -> None:
    late = [event for event in zombie(refuses=False).of("wrote", by="consumer-1") if event.at > 20]
    assert pictures()["zombie"].title == (
        f"consumer-1 wrote into partition 0 at {late[0].at:.1f} s, when it was another's"
    )
    assert "consumer-1 writes in partition 0, which is consumer-2's" in pictures()["zombie"].text


def test_a_write_that_the_sink_refused_is_told_as_refused() -> None:
    assert pictures()["refused"].title == "1 write of a former owner came late, and the sink refused it"
    assert "consumer-1 is refused in partition 0" in pictures()["refused"].text


def test_a_group_without_a_member_is_no_strip() -> None:
    with pytest.raises(ValueError, match="no member ever joined group 'mails'"):
        ownership_strip(group_of(1), group="mails")


# ---------------------------------------------------------------- lag


def test_the_lag_climbs_by_a_second_a_second_while_nobody_reads() -> None:
    run = group_of(1, Crash("consumer-1", at=9, down=None))
    unread = {n: next(e.at for e in run.of("appended", partition=n) if e.at > 9) for n in (0, 1)}

    for number, points in lag_of(run, group="revenue").items():
        end, behind = points[-1]
        assert behind == pytest.approx(end - unread[number])
    assert pictures()["lag"].title.startswith("Partitions 0 and 1 stand 4")
    assert "your prediction: 30 s" in pictures()["lag"].text


def test_a_group_that_has_done_all_is_not_behind() -> None:
    assert pictures()["no lag"].title.endswith("at the end the group has done all")


def test_lag_of_a_topic_without_a_record_is_no_picture() -> None:
    with pytest.raises(ValueError, match="nothing was written to 'mails'"):
        lag(two_groups(), group="revenue", topic="mails")
