"""Publish and subscribe: minibroker in process, and on each broker that speaks MQTT."""

import asyncio
from urllib.parse import urlsplit

import pytest

from minibroker import BrokerUnreachable, InvalidArgument, connect
from minibroker.engines import Publication
from tests.minibroker.engines.proxy import Wire

SOON = 5.0


async def following(publications, how_many):
    """The next `how_many` publications."""
    async with asyncio.timeout(SOON):
        return [await anext(publications) for _ in range(how_many)]


@pytest.mark.parametrize("body", [None, "", 0, [], {"order": 7, "note": "für"}, -1.5])
def test_what_is_published_reaches_a_subscriber_as_it_was_sent(subjects, body):
    async def scenario(broker):
        shop = subjects.name("shop")
        async with broker.subscribe(f"{shop}/orders") as publications:
            await broker.publish(f"{shop}/orders", body)
            return await following(publications, 1) == [Publication(f"{shop}/orders", body)]

    assert subjects.run(scenario)


def test_a_subscriber_receives_what_fits_its_filter_and_no_more(subjects):
    async def scenario(broker):
        shop = subjects.name("shop")
        async with (
            broker.subscribe(f"{shop}/+/orders") as one_level,
            broker.subscribe(f"{shop}/#") as whole,
        ):
            for subject in (
                "berlin/orders",
                "berlin/mail",
                "berlin/east/orders",
                "oslo/orders",
                "last/orders",
            ):
                await broker.publish(f"{shop}/{subject}", subject)
            narrow = [p.body for p in await following(one_level, 3)]
            wide = [p.body for p in await following(whole, 5)]
        return narrow, wide

    assert subjects.run(scenario) == (
        ["berlin/orders", "oslo/orders", "last/orders"],
        ["berlin/orders", "berlin/mail", "berlin/east/orders", "oslo/orders", "last/orders"],
    )


def test_every_subscriber_gets_its_own_copy_in_the_order_of_publishing(subjects):
    async def scenario(broker):
        shop = subjects.name("shop")
        async with broker.subscribe(shop) as ada, broker.subscribe(shop) as bob:
            for n in range(20):
                await broker.publish(shop, n)
            return [[p.body for p in await following(who, 20)] for who in (ada, bob)]

    assert subjects.run(scenario) == [list(range(20)), list(range(20))]


def test_the_last_retained_word_waits_for_those_who_come_later(subjects):
    async def scenario(broker):
        shop = subjects.name("shop")
        await broker.publish(f"{shop}/state", "closed", retain=True)
        await broker.publish(f"{shop}/state", "open", retain=True)
        await broker.publish(f"{shop}/state", "not kept")
        async with broker.subscribe(f"{shop}/#") as publications:
            await broker.publish(f"{shop}/state", "now")
            found = [(p.body, p.retained) for p in await following(publications, 2)]
        await broker.publish(f"{shop}/state", None, retain=True)
        async with broker.subscribe(f"{shop}/#") as publications:
            await broker.publish(f"{shop}/state", "first of all")
            return found, (await following(publications, 1))[0].body

    assert subjects.run(scenario) == ([("open", True), ("now", False)], "first of all")


@pytest.mark.parametrize("subject", ["", "a/+", "a/#", "a\0b", None])
def test_a_subject_that_cannot_be_published_to_is_refused(subjects, subject):
    async def scenario(broker):
        with pytest.raises(InvalidArgument):
            await broker.publish(subject, 1)

    subjects.run(scenario)


@pytest.mark.parametrize("filter", ["", "a/b+", "#/a", None])
def test_a_filter_that_nothing_can_fit_is_refused(subjects, filter):
    async def scenario(broker):
        with pytest.raises(InvalidArgument):
            async with broker.subscribe(filter):
                pass

    subjects.run(scenario)


def test_a_body_that_is_not_json_is_refused(subjects):
    async def scenario(broker):
        with pytest.raises(InvalidArgument, match="only JSON values can travel"):
            await broker.publish("a", {1, 2})

    subjects.run(scenario)


def test_a_subscriber_whose_connection_ends_is_told(subjects_by_mqtt):
    subjects = subjects_by_mqtt

    async def scenario(broker):
        async with (
            subjects.serving() as url,
            Wire(urlsplit(url).port) as wire,
            connect(f"mqtt://127.0.0.1:{wire.port}") as unlucky,
            unlucky.subscribe("a") as publications,
        ):
            waiting = asyncio.create_task(anext(publications))
            await asyncio.sleep(0)
            wire.cut()
            with pytest.raises(BrokerUnreachable, match="Subscribe again"):
                await waiting

    subjects.run(scenario)


def test_where_nobody_listens_connect_says_so():
    async def scenario():
        async with Wire(1) as wire:
            port = wire.port
        with pytest.raises(BrokerUnreachable, match=f"no connection to 127.0.0.1:{port}"):
            async with connect(f"mqtt://127.0.0.1:{port}"):
                pass

    asyncio.run(scenario())
