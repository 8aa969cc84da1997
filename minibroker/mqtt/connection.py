"""A connection: bytes in and out, and when to stop.

Idea      What one turn of the event loop writes goes out as one piece: packets are kept until the
          turn is over (a write to a socket costs as much as ten packets). What came from the
          client is answered at once, at the end of its own bytes.
Slow      A client that does not take what it is sent is *congested* at max_buffered bytes. Then it
          gets no new message, and nothing more is read from it, so that it cannot make
          more answers; its keep alive runs on, and ends it if it lasts.
Ending    A connection that we end is closed for writing only, and read (and not listened to) until the
          client closes or `linger` is over. Closing at once with bytes unread makes TCP reset the
          connection, which can take the DISCONNECT with it, and with that the reason.
Not here  What the packets say (conversation.py).
Source    MQTT 5.0, 4.2 "Network Connections", 4.13 "Handling errors". For the reset: RFC 9293,
          3.6.1, and RFC 1122, 4.2.2.13.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from minibroker.mqtt.codec import Decoder
from minibroker.mqtt.conversation import Conversation
from minibroker.mqtt.errors import MalformedPacket
from minibroker.mqtt.packets import Packet
from minibroker.mqtt.timetable import Appointment

if TYPE_CHECKING:
    from minibroker.mqtt.listener import Listener
    from minibroker.mqtt.server import Server


class Connection(asyncio.Protocol):
    """One client's socket, or whatever else the transport is."""

    __slots__ = (
        "_conversation",
        "_deadline",
        "_decoder",
        "_listener",
        "_out",
        "_server",
        "_size",
        "_transport",
        "closing",
        "congested",
        "heard_at",
        "waiting_for_turn",
    )

    def __init__(self, server: "Server", listener: "Listener") -> None:
        self._server = server
        self._listener = listener
        self._decoder = Decoder(max_packet_size=server.limits.max_packet_size)
        self._out: list[bytes] = []
        self._size = 0  # bytes in _out
        self._transport: asyncio.Transport | None = None
        self._deadline: Appointment | None = None
        self.closing = False
        self.congested = False
        self.waiting_for_turn = False  # it will be flushed anyway
        self.heard_at = 0.0  # on the broker's clock
        self._conversation = Conversation(self, server)

    @property
    def version(self) -> int | None:
        """What the client speaks, as far as it is known: 4 is MQTT 3.1.1."""
        return self._decoder.version

    # -- asyncio calls these ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._server.limits.max_buffered)
        self.heard_at = self._server.now()
        if not self._listener.arrived(self):
            self.end()
            return
        self._by(self.heard_at + self._server.limits.connect_timeout, self.end)

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        self.heard_at = self._server.now()
        self.waiting_for_turn = True
        try:
            packets = self._decoder.feed(data)
        except MalformedPacket as error:
            self._handle(error.packets)
            if not self.closing:
                self._conversation.broken(error)
        else:
            self._handle(packets)
        self.turn_over()

    def pause_writing(self) -> None:
        self.congested = True
        if self._transport is not None and not self.closing:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.congested = False
        if self._transport is not None and not self.closing:
            self._transport.resume_reading()
            self.wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._out.clear()
        self._conversation.over()
        self._listener.left(self)

    # -- the conversation calls these -----------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send `data` when this turn of the loop is over, or now if that is a lot."""
        self._out.append(data)
        self._size += len(data)
        if not self.waiting_for_turn:
            self.wake()
        if self._size > self._server.limits.max_buffered:
            self._flush()

    def wake(self) -> None:
        """There may be something to do for this client when this turn of the loop is over."""
        if not self.waiting_for_turn and not self.closing:
            self.waiting_for_turn = True
            self._server.wake(self)

    def turn_over(self) -> None:
        """Send what waits."""
        if not self.closing:
            self._conversation.pump()
            self._flush()
        self.waiting_for_turn = False

    def keep_alive(self, seconds: float, too_late: Callable[[], None]) -> None:
        """Call `too_late()` once the client was silent for `seconds`; 0 is never."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds:
            self._by(self.heard_at + seconds, lambda: self._check(seconds, too_late))

    def end(self, last: bytes = b"") -> None:
        """Send `last`, and close. Nothing is read or sent any more."""
        transport = self._transport
        if self.closing or transport is None:
            return
        if last:
            self._out.append(last)
        self._flush()
        self.closing = True
        self._conversation.over()
        self._by(self._server.now() + self._server.limits.linger, transport.abort)
        if last and transport.can_write_eof():
            with suppress(OSError):  # TCP knows by now that the client is gone: reading will say so
                transport.write_eof()
            transport.resume_reading()  # until the client closes
        else:
            transport.close()

    def shut_down(self) -> None:
        """The broker is going: say so."""
        if not self.closing:
            self._conversation.shut_down()

    # -- helpers ------------------------------------------------------------------------------------------

    def _handle(self, packets: list[Packet]) -> None:
        handle = self._conversation.handle
        for packet in packets:
            handle(packet)
            if self.closing:
                return

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._size = 0
            self._transport.write(data)

    def _check(self, seconds: float, too_late: Callable[[], None]) -> None:
        if self._server.now() - self.heard_at >= seconds:
            too_late()
        else:
            self._by(self.heard_at + seconds, lambda: self._check(seconds, too_late))

    def _by(self, when: float, action: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._server.timetable.at(when, action)
