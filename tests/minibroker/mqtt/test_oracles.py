"""Two codecs of other people agree with ours: what we write they read as the same, and the other way round.

mqtt5 (in Rust) speaks MQTT 5 alone and leaves out a property that says the default; zmqtt speaks both
versions. What one of them cannot say or does not check is left out here, and named where it is.

zmqtt keeps its codec in a private package: there is no other independent one for 3.1.1 that does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mqtt5
from hypothesis import given, settings
from hypothesis import strategies as st
from zmqtt._internal import packets as theirs
from zmqtt._internal.packets import codec as zmqtt
from zmqtt._internal.packets import properties as their_properties
from zmqtt._internal.types.qos import QoS
from zmqtt._internal.types.retain_handling import RetainHandling

from minibroker.mqtt.codec import Decoder, encode
from minibroker.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from minibroker.mqtt.reason_codes import RETURN_CODES
from tests.minibroker.mqtt.strategies import ANY

# Neither takes an AUTH of no bytes, which section 3.15.2.1 allows.
any_of_5 = ANY[5].filter(lambda packet: not isinstance(packet, Auth) or packet.properties)


def ours(data: bytes, like: Packet, version: int) -> tuple[type, Packet]:
    [packet] = Decoder(version=None if isinstance(like, Connect) else version).feed(data)
    return type(packet), packet


# -- mqtt5 ------------------------------------------------------------------------------------------------

SHORTER = {
    "user_property": "user_properties",
    "subscription_identifier": "subscription_ids",
    "assigned_client_identifier": "assigned_client_id",
    "reason_string": "reason_str",
    "receive_maximum": "receive_max",
    "topic_alias_maximum": "topic_alias_max",
    "maximum_packet_size": "max_packet_size",
    "maximum_qos": "max_qos",
    "subscription_identifier_available": "subscription_id_available",
    "request_problem_information": "request_problem_info",
    "request_response_information": "request_response_info",
    "response_information": "response_info",
}
DEFAULTS = {
    "payload_format_indicator": 0,
    "receive_maximum": 65_535,
    "topic_alias_maximum": 0,
    "will_delay_interval": 0,
    "request_problem_information": 1,
    "request_response_information": 0,
    "retain_available": 1,
    "wildcard_subscription_available": 1,
    "subscription_identifier_available": 1,
    "shared_subscription_available": 1,
}
FLAGS = {
    name for name, value in DEFAULTS.items() if name.endswith("_available") or name.startswith("request_")
}


def for_mqtt5(properties: Properties) -> dict[str, Any]:
    kinds: dict[str, Callable[[Any], Any]] = {"maximum_qos": mqtt5.QoS, **dict.fromkeys(FLAGS, bool)}
    return {
        SHORTER.get(name, name): kinds.get(name, lambda same: same)(value)
        for name, value in properties.items()
    }


def to_mqtt5(packet: Packet) -> Any:
    """The same packet as mqtt5 has it."""
    properties = for_mqtt5(getattr(packet, "properties", {}))
    match packet:
        case Connect(client_id, clean_start, keep_alive, username, password, will):
            last = None
            if will is not None:
                quality, wishes = mqtt5.QoS(will.qos), for_mqtt5(will.properties)
                last = mqtt5.Will(will.topic, payload=will.payload, qos=quality, retain=will.retain, **wishes)
            return mqtt5.ConnectPacket(
                client_id,
                clean_start=clean_start,
                keep_alive=keep_alive,
                username=username,
                password=password,
                will=last,
                **properties,
            )
        case Connack(session_present, code):
            reason = mqtt5.ConnAckReasonCode(code)
            return mqtt5.ConnAckPacket(session_present=session_present, reason_code=reason, **properties)
        case Publish(topic, payload, qos, retain, dup, packet_id):
            return mqtt5.PublishPacket(
                topic,
                payload,
                qos=mqtt5.QoS(qos),
                retain=retain,
                duplicate=dup,
                packet_id=packet_id,
                **properties,
            )
        case Puback(packet_id, code):
            reason = mqtt5.PubAckReasonCode(code)
            return mqtt5.PubAckPacket(packet_id, reason_code=reason, **properties)
        case Pubrec(packet_id, code):
            reason = mqtt5.PubRecReasonCode(code)
            return mqtt5.PubRecPacket(packet_id, reason_code=reason, **properties)
        case Pubrel(packet_id, code):
            reason = mqtt5.PubRelReasonCode(code)
            return mqtt5.PubRelPacket(packet_id, reason_code=reason, **properties)
        case Pubcomp(packet_id, code):
            reason = mqtt5.PubCompReasonCode(code)
            return mqtt5.PubCompPacket(packet_id, reason_code=reason, **properties)
        case Subscribe(packet_id, subscriptions):
            if identifiers := properties.pop("subscription_ids", None):
                [properties["subscription_id"]] = identifiers
            filters = [
                mqtt5.TopicFilter(
                    each.filter,
                    max_qos=mqtt5.QoS(each.qos),
                    no_local=each.no_local,
                    retain_as_published=each.retain_as_published,
                    retain_handling=mqtt5.RetainHandling(each.retain_handling),
                )
                for each in subscriptions
            ]
            return mqtt5.SubscribePacket(packet_id, filters, **properties)
        case Suback(packet_id, codes):
            return mqtt5.SubAckPacket(packet_id, list(map(mqtt5.SubAckReasonCode, codes)), **properties)
        case Unsubscribe(packet_id, filters):
            return mqtt5.UnsubscribePacket(packet_id, list(filters), **properties)
        case Unsuback(packet_id, codes):
            return mqtt5.UnsubAckPacket(packet_id, list(map(mqtt5.UnsubAckReasonCode, codes)), **properties)
        case Pingreq():
            return mqtt5.PingReqPacket()
        case Pingresp():
            return mqtt5.PingRespPacket()
        case Disconnect(code):
            return mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode(code), **properties)
        case Auth(code):
            return mqtt5.AuthPacket(reason_code=mqtt5.AuthReasonCode(code), **properties)
    raise AssertionError(packet)


def without_defaults(packet: Any) -> Any:
    """`packet` without the properties that say what their absence says."""

    def told(properties: Properties) -> Properties:
        defaults = {**DEFAULTS, "session_expiry_interval": 0} if isinstance(packet, Connect) else DEFAULTS
        return {name: value for name, value in properties.items() if defaults.get(name) != value}

    if isinstance(packet, Connect) and packet.will is not None:
        packet = packet._replace(will=packet.will._replace(properties=told(packet.will.properties)))
    return packet._replace(properties=told(packet.properties)) if hasattr(packet, "properties") else packet


@settings(max_examples=200)
@given(any_of_5)
def test_mqtt5_reads_what_we_write(packet):
    data = encode(packet, 5)
    assert mqtt5.read(memoryview(data)) == (to_mqtt5(packet), len(data))


@settings(max_examples=200)
@given(any_of_5)
def test_we_read_what_mqtt5_writes(packet):
    assert ours(to_mqtt5(packet).write(), packet, 5) == (type(packet), without_defaults(packet))


# -- zmqtt ------------------------------------------------------------------------------------------------

VERSIONS = {4: "3.1.1", 5: "5.0"}


def for_zmqtt(kind: type, properties: Properties) -> Any:
    if not properties:
        return None
    values = dict(properties)
    if "user_property" in values:
        values["user_properties"] = tuple(values.pop("user_property"))
    if "subscription_identifier" in values:
        [values["subscription_identifier"]] = values["subscription_identifier"]
    return kind(**values)


def to_zmqtt(packet: Packet, version: int) -> Any:
    """The same packet as zmqtt has it."""
    known = their_properties
    kinds = {Puback: theirs.PubAck, Pubrec: theirs.PubRec, Pubrel: theirs.PubRel, Pubcomp: theirs.PubComp}
    properties = getattr(packet, "properties", {})
    match packet:
        case Connect(client_id, clean_start, keep_alive, username, password, will):
            last = None
            if will is not None:
                last = theirs.Will(
                    topic=will.topic,
                    payload=will.payload,
                    qos=QoS(will.qos),
                    retain=will.retain,
                    properties=for_zmqtt(known.WillProperties, will.properties),
                )
            return theirs.Connect(
                client_id=client_id,
                clean_session=clean_start,
                keepalive=keep_alive,
                username=username,
                password=password,
                will=last,
                properties=for_zmqtt(known.ConnectProperties, properties),
            )
        case Connack(session_present, code):
            return theirs.ConnAck(
                session_present=session_present,
                return_code=RETURN_CODES[code] if version == 4 else code,
                properties=for_zmqtt(known.ConnAckProperties, properties),
            )
        case Publish(topic, payload, qos, retain, dup, packet_id):
            return theirs.Publish(
                topic=topic,
                payload=payload,
                qos=QoS(qos),
                retain=retain,
                dup=dup,
                packet_id=packet_id,
                properties=for_zmqtt(known.PublishProperties, properties),
            )
        case (
            Puback(packet_id, code)
            | Pubrec(packet_id, code)
            | Pubrel(packet_id, code)
            | Pubcomp(packet_id, code)
        ):
            found = for_zmqtt(known.PubAckProperties, properties)
            return kinds[type(packet)](packet_id=packet_id, reason_code=code, properties=found)
        case Subscribe(packet_id, subscriptions):
            requests = tuple(
                theirs.SubscriptionRequest(
                    topic_filter=each.filter,
                    qos=QoS(each.qos),
                    no_local=each.no_local,
                    retain_as_published=each.retain_as_published,
                    retain_handling=RetainHandling(each.retain_handling),
                )
                for each in subscriptions
            )
            found = for_zmqtt(known.SubscribeProperties, properties)
            return theirs.Subscribe(packet_id=packet_id, subscriptions=requests, properties=found)
        case Suback(packet_id, codes):
            found = for_zmqtt(known.SubAckProperties, properties)
            return theirs.SubAck(packet_id=packet_id, return_codes=codes, properties=found)
        case Unsubscribe(packet_id, filters):
            found = for_zmqtt(known.UnsubscribeProperties, properties)
            return theirs.Unsubscribe(packet_id=packet_id, topic_filters=filters, properties=found)
        case Unsuback(packet_id, codes):
            found = for_zmqtt(known.UnsubAckProperties, properties)
            return theirs.UnsubAck(packet_id=packet_id, reason_codes=codes, properties=found)
        case Pingreq():
            return theirs.PingReq()
        case Pingresp():
            return theirs.PingResp()
        case Disconnect(code):
            found = for_zmqtt(known.DisconnectProperties, properties)
            return theirs.Disconnect(reason_code=code, properties=found)
        case Auth(code):
            return theirs.Auth(reason_code=code, properties=for_zmqtt(known.AuthProperties, properties))
    raise AssertionError(packet)


def sayable(packet: Packet) -> bool:
    """zmqtt has one subscription identifier a PUBLISH."""
    return len(getattr(packet, "properties", {}).get("subscription_identifier", ())) < 2


any_for_zmqtt = st.tuples(st.just(4), ANY[4]) | st.tuples(st.just(5), any_of_5.filter(sayable))


@settings(max_examples=200)
@given(any_for_zmqtt)
def test_zmqtt_reads_what_we_write(case):
    version, packet = case
    data = encode(packet, version)
    assert zmqtt.decode(data, version=VERSIONS[version]) == (to_zmqtt(packet, version), len(data))


@settings(max_examples=200)
@given(any_for_zmqtt)
def test_we_read_what_zmqtt_writes(case):
    version, packet = case
    data = zmqtt.encode(to_zmqtt(packet, version), version=VERSIONS[version])
    assert ours(data, packet, version) == (type(packet), packet)
