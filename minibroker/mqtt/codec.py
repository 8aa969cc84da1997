"""Packets to bytes and back. (The signatures; the bytes follow.)"""

from minibroker.mqtt.packets import Packet, Publish


def encode(packet: Packet, version: int) -> bytes:
    """The bytes of `packet` in MQTT 3.1.1 (version 4) or 5.

    ValueError for what the protocol does not allow or this version cannot say.
    """
    raise NotImplementedError


def encode_around_id(packet: Publish, version: int) -> tuple[bytes, bytes]:
    """What stands before and after the packet id of a PUBLISH: all that does not depend on its receiver.

    At QoS 0 the packet is before + after. Above, it is before + packet_id.to_bytes(2, "big") + after for
    each of its receivers, whatever packet_id `packet` itself has.
    """
    raise NotImplementedError


class Decoder:
    """Bytes in any portions to packets, for one direction of one connection.

    `max_packet_size` is in bytes, the whole packet counted; None is the protocol's own limit.
    `version` is learnt from CONNECT; hand it in where no CONNECT comes this way (a client's side).
    """

    def __init__(self, *, max_packet_size: int | None = None, version: int | None = None) -> None:
        self.version = version

    def feed(self, data: bytes) -> list[Packet]:
        """All packets that are whole now, in order; what is left over waits for its rest.

        MalformedPacket (or ProtocolViolation, UnsupportedVersion) for bytes that break the protocol, with
        the packets before them in `error.packets`. Throw the decoder away then.
        """
        raise NotImplementedError
