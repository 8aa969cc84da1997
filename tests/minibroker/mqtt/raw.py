"""A server without sockets, and raw clients that say packets and look at what comes back.

Idea      The transport is two lists and a loop's turn, the clock is a loop's that jumps (conftest.py): a
          keep alive of a minute costs nothing, and what comes is there after a few turns or never.
"""

import asyncio
from collections.abc import Callable
from errno import ENOTCONN
from typing import Any

from minibroker import Broker
from minibroker.mqtt.codec import Decoder, encode
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import (
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
)

TURNS = 6  # of the loop, until all is answered that will be


async def settle() -> None:
    """Let the loop turn until everything that is due now has happened."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def sleep(seconds: float) -> None:
    """Let that much time pass: on a clock that jumps, none."""
    await asyncio.sleep(seconds)
    await settle()


class Wire(asyncio.Transport):
    """The server's end of a connection without a network. `taking = False`: the client reads nothing."""

    def __init__(self, protocol: asyncio.Protocol, arrived: Callable[[bytes], None]) -> None:
        super().__init__()
        self.protocol = protocol
        self.arrived = arrived
        self.taking = True
        self.unsent = bytearray()
        self.high = 65_536
        self.paused = False
        self.reading = True
        self.half_closed = False
        self.closed = False
        self.reset = False  # by the client, and nobody has read that yet
        self.writes = 0

    def write(self, data: Any) -> None:
        assert not self.half_closed and not self.closed, "written to after its end"
        self.writes += 1
        self.unsent += data
        self._move()

    def take(self, taking: bool) -> None:
        self.taking = taking
        self._move()

    def _move(self) -> None:
        if self.taking and self.unsent:
            data = bytes(self.unsent)
            self.unsent.clear()
            self.arrived(data)
        if not self.paused and len(self.unsent) > self.high:
            self.paused = True
            self.protocol.pause_writing()
        elif self.paused and not self.unsent:
            self.paused = False
            self.protocol.resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 65_536

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self.reset:
            raise OSError(ENOTCONN, "Transport endpoint is not connected")
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class World:
    """A server and its clients, on the clock of the loop that runs."""

    def __init__(self, *, limits: Limits | None = None, storage: Any = None, **hooks: Any) -> None:
        self.broker = Broker(clock=asyncio.get_running_loop().time, storage=storage)
        self.listener = self.broker.listen_mqtt(limits=limits, **hooks)
        self.server = self.listener.server

    def raw(self, *, version: int = MQTT_5) -> "Client":
        """A connection on which nothing was said."""
        return Client(self, version)

    async def connect(self, client_id: str = "ada", *, version: int = MQTT_5, **options: Any) -> "Client":
        """A client that is welcome; `options` are CONNECT's, or properties of it."""
        client, connack = await self.try_connect(client_id, version=version, **options)
        assert connack.reason_code == 0, connack
        return client

    async def try_connect(
        self, client_id: str = "ada", *, version: int = MQTT_5, **options: Any
    ) -> tuple["Client", Connack]:
        fields = {n: options.pop(n) for n in list(options) if n in Connect._fields}
        client = self.raw(version=version)
        properties = options if version == MQTT_5 else {}
        client.say(Connect(client_id, version=version, properties=properties, **fields))
        connack = await client.next(Connack)
        client.connack = connack
        return client, connack


class Client:
    """One connection, packet by packet."""

    def __init__(self, world: World, version: int) -> None:
        self.version = version
        self.heard: list[Packet] = []  # and not yet asked for
        self.connack = Connack()
        self._decoder = Decoder(version=version)
        self.protocol = world.listener.accept()
        self.wire = Wire(self.protocol, self._arrived)
        self.protocol.connection_made(self.wire)

    def _arrived(self, data: bytes) -> None:
        self.heard += self._decoder.feed(data)

    def say(self, *packets: Packet) -> None:
        self.say_bytes(b"".join(encode(packet, self.version) for packet in packets))

    def say_bytes(self, data: bytes) -> None:
        assert not self.wire.closed, "the server has closed this connection"
        self.protocol.data_received(data)

    async def next(self, kind: type) -> Any:
        """The next packet; it must be of this kind."""
        await settle()
        assert self.heard, f"no {kind.__name__} came" + (
            " and the connection is at its end" if self.ended else ""
        )
        packet = self.heard.pop(0)
        assert type(packet) is kind, f"{packet} came, no {kind.__name__}"
        return packet

    async def nothing(self) -> None:
        """Nothing comes."""
        await settle()
        assert self.heard == []

    async def messages(self, *, ack: bool = True) -> list[Publish]:
        """All messages that are there, acked as their QoS wants, in order."""
        found: list[Publish] = []
        while True:
            await settle()
            batch, self.heard = self.heard, []
            if not batch:
                return found
            for packet in batch:
                if isinstance(packet, Publish):
                    found.append(packet)
                    if ack and packet.qos == 1:
                        self.say(Puback(packet.packet_id))
                    if ack and packet.qos == 2:
                        self.say(Pubrec(packet.packet_id))
                elif isinstance(packet, Pubrel):
                    if ack:
                        self.say(Pubcomp(packet.packet_id))
                else:
                    raise AssertionError(f"{packet} came, no message")

    async def payloads(self) -> list[bytes]:
        return [message.payload for message in await self.messages()]

    async def subscribe(
        self, *filters: str, qos: int = 0, identifier: int | None = None, **options: Any
    ) -> Suback:
        wishes = tuple(Subscription(filter, qos, **options) for filter in filters)
        properties = {} if identifier is None else {"subscription_identifier": [identifier]}
        self.say(Subscribe(7, wishes, properties))
        suback = await self.next(Suback)
        assert suback.packet_id == 7
        return suback

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 0,
        retain: bool = False,
        packet_id: int = 1,
        **properties: Any,
    ) -> Any:
        """Publish, through all steps of its QoS; the first answer, if there is one."""
        self.say(Publish(topic, payload, qos, retain, False, packet_id if qos else None, properties))
        if qos == 1:
            return await self.next(Puback)
        if qos == 2:
            pubrec = await self.next(Pubrec)
            if pubrec.reason_code < 0x80:
                self.say(Pubrel(packet_id))
                assert (await self.next(Pubcomp)).reason_code == 0
            return pubrec
        await settle()
        return None

    async def leave(self, reason: int = 0, **properties: Any) -> None:
        """DISCONNECT, and wait until the server has closed."""
        self.say(Disconnect(reason, properties) if self.version == MQTT_5 else Disconnect())
        await settle()
        assert self.wire.closed

    async def vanish(self) -> None:
        """The network takes it away, without a word."""
        self.wire.closed = True
        self.protocol.connection_lost(ConnectionResetError())
        await settle()

    @property
    def ended(self) -> bool:
        """Has the server ended it?"""
        return self.wire.closed or self.wire.half_closed

    async def last_word(self) -> Disconnect:
        """The DISCONNECT with which the server ended it."""
        word: Disconnect = await self.next(Disconnect)
        assert self.ended
        return word
