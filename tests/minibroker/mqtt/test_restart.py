"""A broker that dies and comes back: sessions, what they hold, and exactly once across it.

The disk is bytes in memory that take an append at once, or fail; a crash is to go on with a copy of them.
"""

import asyncio
from collections.abc import Iterable

import pytest

from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel, Will
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.raw import World, settle, sleep

KEEPS = {"clean_start": False, "session_expiry_interval": 100}


class Disk:
    """Storage of a journal. `broken`: each write fails. `ready` can be cleared, and then appends wait."""

    name = "a disk in memory"

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.broken = False
        self.ready = asyncio.Event()
        self.ready.set()

    def read(self) -> bytes:
        return self.data

    async def append(self, data: bytes) -> None:
        await self.ready.wait()
        self.append_now(data)

    def append_now(self, data: bytes) -> None:
        self.try_to_hold(len(data))
        self.data += data

    def cut(self, size: int) -> None:
        self.data = self.data[:size]

    def try_to_hold(self, size: int) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")

    async def replace(self, frames: Iterable[bytes]) -> None:
        self.data = b"".join(frames)

    def close(self) -> None:
        pass


async def crash(world: World, **options) -> World:
    """A world that knows what was on the disk of `world` at this moment."""
    await settle()
    return World(storage=Disk(world.broker.journal.storage.data), **options)


def test_a_restart_knows_sessions_subscriptions_and_what_waits(virtually):
    async def run():
        world = World(storage=Disk())
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("a/+", "$share/g/b", qos=2, identifier=7)
        await ada.leave()
        speaker = await world.connect("speaker")
        await speaker.publish("a/x", b"\x00\xff", qos=1, correlation_data=b"\xfe", user_property=[("k", "v")])
        await speaker.publish("b", b"shared", qos=2)
        await speaker.publish("kept", b"r", retain=True, qos=1)

        world = await crash(world)
        ada = await world.connect("ada", **KEEPS)
        assert ada.connack.session_present
        own, shared = await ada.messages()
        properties = {
            "correlation_data": b"\xfe",
            "user_property": [["k", "v"]],
            "subscription_identifier": [7],
        }
        assert (own.topic, own.payload, own.qos, own.dup) == ("a/x", b"\x00\xff", 1, False)
        assert {
            **own.properties,
            "user_property": [list(pair) for pair in own.properties["user_property"]],
        } == properties
        assert (shared.payload, shared.qos) == (b"shared", 2)
        await ada.publish("a/y", b"still subscribed")
        assert await ada.payloads() == [b"still subscribed"]
        await ada.subscribe("kept")
        assert [(m.payload, m.retain) for m in await ada.messages()] == [(b"r", True)]

        world = await crash(world)
        assert await (await world.connect("ada", **KEEPS)).messages() == []

    virtually(run())


def test_what_was_in_flight_is_sent_again_with_dup_and_qos_2_under_its_packet_id(virtually):
    async def run():
        world = World(storage=Disk())
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("a", qos=2)
        speaker = await world.connect("speaker")
        for payload, qos in ((b"one", 1), (b"two", 2), (b"three", 2), (b"four", 2)):
            await speaker.publish("a", payload, qos=qos)
        one, two, three, four = await ada.messages(ack=False)
        ada.say(Pubrec(two.packet_id), Pubrec(four.packet_id))
        assert [await ada.next(Pubrel), await ada.next(Pubrel)] == [
            Pubrel(two.packet_id),
            Pubrel(four.packet_id),
        ]
        ada.say(Pubcomp(four.packet_id))

        world = await crash(world)
        ada = await world.connect("ada", **KEEPS)
        await settle()
        heard, ada.heard = ada.heard, []
        assert Pubrel(two.packet_id) in heard
        again = {p.payload: p for p in heard if isinstance(p, Publish)}
        assert set(again) == {b"one", b"three"}
        assert again[b"three"] == three._replace(dup=True)
        assert again[b"one"] == one._replace(dup=True, packet_id=again[b"one"].packet_id)
        ada.say(Puback(again[b"one"].packet_id), Pubcomp(two.packet_id), Pubrec(three.packet_id))
        await ada.next(Pubrel)
        ada.say(Pubcomp(three.packet_id))

        world = await crash(world)
        await (await world.connect("ada", **KEEPS)).nothing()

    virtually(run())


def test_a_message_of_qos_2_that_came_before_the_crash_is_not_passed_on_again(virtually):
    async def run():
        world = World(storage=Disk())
        heir = await world.connect("heir", **KEEPS)
        await heir.subscribe("a", qos=1)
        ada = await world.connect("ada", **KEEPS)
        ada.say(Publish("a", b"once", 2, packet_id=9))
        await ada.next(Pubrec)

        world = await crash(world)
        ada = await world.connect("ada", **KEEPS)
        ada.say(Publish("a", b"once", 2, dup=True, packet_id=9))
        await ada.next(Pubrec)
        ada.say(Pubrel(9))
        assert (await ada.next(Pubcomp)).reason_code == 0
        heir = await world.connect("heir", **KEEPS)
        assert await heir.payloads() == [b"once"]

    virtually(run())


def test_no_ack_before_the_journal_has_it(virtually):
    async def run():
        disk = Disk()
        world = World(storage=disk)
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("a", qos=1)
        await ada.leave()
        speaker = await world.connect("speaker")
        await settle()
        disk.ready.clear()
        speaker.say(Publish("a", b"x", 1, packet_id=1), Publish("a", b"y", 2, packet_id=2))
        await speaker.nothing()
        disk.ready.set()
        await sleep(0.2)
        assert [await speaker.next(Puback), await speaker.next(Pubrec)] == [Puback(1), Pubrec(2)]

    virtually(run())


def test_a_full_disk_acks_nothing_and_loses_nothing_that_was_acked(virtually):
    async def run():
        disk = Disk()
        world = World(storage=disk, limits=Limits(linger=1.0))
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("a", qos=1)
        await ada.leave()
        speaker = await world.connect("speaker")
        await speaker.publish("a", b"acked", qos=1)
        disk.broken = True
        speaker.say(Publish("a", b"not acked", 1, packet_id=2))
        assert (await speaker.last_word()).reason_code == ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR
        await sleep(2)
        speaker = await world.connect("speaker")
        speaker.say(Publish("a", b"not acked", 1, packet_id=2))
        assert (await speaker.last_word()).reason_code == ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR
        disk.broken = False
        await sleep(2)
        speaker = await world.connect("speaker")
        await speaker.publish("a", b"again", qos=1)
        ada = await world.connect("ada", **KEEPS)
        assert await ada.payloads() == [b"acked", b"again"]

    virtually(run())


@pytest.mark.parametrize(("down_for", "present"), [(0, True), (150, False)])
def test_time_goes_on_while_a_client_is_away_and_the_broker_was_down(virtually, down_for, present):
    async def run():
        world = World(storage=Disk())
        heir = await world.connect("heir", clean_start=False, session_expiry_interval=10_000)
        await heir.subscribe("wills/#", qos=1)
        ada = await world.connect(
            "ada", will=Will("wills/ada", b"gone", 1, False, {"will_delay_interval": 50}), **KEEPS
        )
        await ada.vanish()
        await sleep(10)
        old, disk = world, Disk(world.broker.journal.storage.data)
        old.broker.close()
        await asyncio.sleep(down_for)
        world = World(storage=disk)
        await sleep(1)
        heir = await world.connect("heir", clean_start=False, session_expiry_interval=10_000)
        assert await heir.payloads() == ([] if present else [b"gone"])
        if present:
            await sleep(45)
            assert await heir.payloads() == [b"gone"]
        ada = await world.connect("ada", **KEEPS)
        assert ada.connack.session_present == present

    virtually(run())
