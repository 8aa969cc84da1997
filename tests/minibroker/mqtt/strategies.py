"""Packets for Hypothesis, in either version, and one list of packets that says everything once."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minibroker.mqtt.packets import (
    MQTT_5,
    NO_PROPERTIES,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from minibroker.mqtt.properties import BINARY, PAIR, TABLE, TEXT, TOPIC, Property
from minibroker.mqtt.reason_codes import ALLOWED, RETURN_CODES, ReasonCode

ids = st.integers(1, 0xFFFF)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
topics = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0#+"), min_size=1, max_size=12
)
filters = topics | st.sampled_from(["#", "+/a", "a/#", "$share/g/a", "$SYS/+"])
blobs = st.binary(max_size=12)
bools = st.booleans()
qualities = st.integers(0, 2)


def values(line: Property) -> st.SearchStrategy[Any]:
    """The values of one property."""
    of_type = {TEXT: texts, TOPIC: topics, BINARY: blobs, PAIR: st.tuples(texts, texts)}
    if line.data_type in of_type:
        return of_type[line.data_type]
    most = line.data_type.most if line.most is None else line.most
    return st.sampled_from([line.least, most]) | st.integers(line.least, most)


def properties(kind: type, version: int, *, without: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Some of the properties that a packet of this kind may have."""
    if version != MQTT_5:
        return st.just(NO_PROPERTIES)
    optional = {}
    for line in TABLE:
        if kind in line.allowed_in and line.name not in without:
            count = 3 if kind in line.repeats_in else 1
            one = values(line)
            optional[line.name] = st.lists(one, min_size=1, max_size=count) if line.repeats_in else one
    return st.fixed_dictionaries({}, optional=optional)


def reasons(kind: type, version: int) -> st.SearchStrategy[ReasonCode]:
    if version == MQTT_5:
        return st.sampled_from(sorted(ALLOWED[kind.__name__].values()))
    return st.sampled_from({Connack: sorted(RETURN_CODES), Suback: [0, 1, 2, 0x80]}.get(kind, [0])).map(
        ReasonCode
    )


@st.composite
def connects(draw: st.DrawFn, version: int) -> Connect:
    wills = st.builds(Will, topics, blobs, qualities, bools, properties(Will, version))
    username = draw(st.none() | texts)
    password = draw(st.none() | blobs) if version == MQTT_5 or username is not None else None
    clean_start = draw(bools)
    client_id = draw(texts.filter(lambda text: text or clean_start or version == MQTT_5))
    found = draw(properties(Connect, version))
    if "authentication_method" not in found:
        found = {name: value for name, value in found.items() if name != "authentication_data"}
    will = draw(st.none() | wills)
    return Connect(
        client_id, clean_start, draw(st.integers(0, 0xFFFF)), username, password, will, version, found
    )


@st.composite
def publishes(draw: st.DrawFn, version: int) -> Publish:
    qos = draw(qualities)
    found = draw(properties(Publish, version))
    topic = draw(topics | st.just("") if "topic_alias" in found else topics)
    return Publish(
        topic,
        draw(st.binary(max_size=300)),
        qos,
        draw(bools),
        draw(bools) if qos else False,
        draw(ids) if qos else None,
        found,
    )


def connacks(version: int) -> st.SearchStrategy[Connack]:
    packets = st.builds(Connack, bools, reasons(Connack, version), properties(Connack, version))
    return packets.filter(lambda packet: not (packet.session_present and packet.reason_code))


def subscriptions(version: int) -> st.SearchStrategy[Subscription]:
    if version != MQTT_5:
        return st.tuples(filters, qualities).map(lambda pair: Subscription(*pair))
    return st.builds(Subscription, filters, qualities, bools, bools, qualities).filter(
        lambda each: not (each.no_local and each.filter.startswith("$share/"))
    )


def auths() -> st.SearchStrategy[Auth]:
    found = st.builds(
        lambda method, others: {"authentication_method": method, **others},
        texts,
        properties(Auth, MQTT_5, without=("authentication_method",)),
    )
    return st.builds(Auth, reasons(Auth, MQTT_5), found) | st.just(Auth())


def packets(version: int) -> st.SearchStrategy[Packet]:
    """Any packet but CONNECT."""
    acks = [
        st.builds(kind, ids, reasons(kind, version), properties(kind, version))
        for kind in (Puback, Pubrec, Pubrel, Pubcomp)
    ]
    subscribes = st.lists(subscriptions(version), min_size=1, max_size=3).map(tuple)
    unsubscribes = st.lists(filters, min_size=1, max_size=3).map(tuple)
    codes = {kind: st.lists(reasons(kind, version), min_size=1, max_size=3) for kind in (Suback, Unsuback)}
    unsubacks = codes[Unsuback].map(tuple) if version == MQTT_5 else st.just(())
    return st.one_of(
        publishes(version),
        connacks(version),
        *acks,
        st.builds(Subscribe, ids, subscribes, properties(Subscribe, version)),
        st.builds(Suback, ids, codes[Suback].map(tuple), properties(Suback, version)),
        st.builds(Unsubscribe, ids, unsubscribes, properties(Unsubscribe, version)),
        st.builds(Unsuback, ids, unsubacks, properties(Unsuback, version)),
        st.just(Pingreq()),
        st.just(Pingresp()),
        st.builds(Disconnect, reasons(Disconnect, version), properties(Disconnect, version)),
        *([auths()] if version == MQTT_5 else []),
    )


ANY = {version: packets(version) | connects(version) for version in (4, 5)}
any_of_either = st.one_of(*(st.tuples(st.just(version), any_packet) for version, any_packet in ANY.items()))


# -- each kind of packet, with all that it can have -------------------------------------------------------

PAIRS = {"user_property": [("a", "b"), ("a", "ü")]}
REASON = {"reason_string": "why", **PAIRS}

SAMPLES: dict[int, list[Packet]] = {
    4: [
        Connect("ada", True, 60, "user", b"secret", Will("gone", b"ada", 2, True), 4),
        Connect("ada", False, 0, version=4),
        Connack(True),
        Connack(False, ReasonCode.NOT_AUTHORIZED),
        Publish("a/b", b"hello"),
        Publish("a/b", b"hello", 2, True, True, 9),
        Puback(1),
        Pubrec(2),
        Pubrel(3),
        Pubcomp(0x1234),
        Subscribe(5, (Subscription("a/#", 1), Subscription("$share/g/b", 2))),
        Suback(5, (ReasonCode.GRANTED_QOS_1, ReasonCode.UNSPECIFIED_ERROR)),
        Unsubscribe(6, ("a/#", "b")),
        Unsuback(6),
        Pingreq(),
        Pingresp(),
        Disconnect(),
    ],
    5: [
        Connect(
            "ada",
            False,
            60,
            "user",
            b"secret",
            Will("gone", b"ada", 1, True, {"will_delay_interval": 5, "response_topic": "r", **PAIRS}),
            5,
            {"receive_maximum": 20, "authentication_method": "m", "authentication_data": b"d", **PAIRS},
        ),
        Connect(""),
        Connack(True, ReasonCode.SUCCESS, {"maximum_qos": 1, "assigned_client_identifier": "x", **REASON}),
        Connack(False, ReasonCode.BANNED),
        Publish("a/b", b"hello"),
        Publish("", b"hello", 1, True, True, 9, {"topic_alias": 3, "subscription_identifier": [1, 300]}),
        Publish("a", b"", 2, False, False, 7, {"payload_format_indicator": 1, "correlation_data": b"c"}),
        Puback(1),
        Puback(1, ReasonCode.NO_MATCHING_SUBSCRIBERS, REASON),
        Pubrec(2, ReasonCode.QUOTA_EXCEEDED),
        Pubrel(3, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND, REASON),
        Pubcomp(0x1234),
        Subscribe(5, (Subscription("a/#", 1, True, True, 2), Subscription("$share/g/b", 2)), PAIRS),
        Suback(5, (ReasonCode.GRANTED_QOS_2, ReasonCode.QUOTA_EXCEEDED), REASON),
        Unsubscribe(6, ("a/#", "b"), PAIRS),
        Unsuback(6, (ReasonCode.SUCCESS, ReasonCode.NO_SUBSCRIPTION_EXISTED), REASON),
        Pingreq(),
        Pingresp(),
        Disconnect(),
        Disconnect(ReasonCode.SERVER_MOVED, {"server_reference": "elsewhere", **REASON}),
        Auth(ReasonCode.CONTINUE_AUTHENTICATION, {"authentication_method": "m", **REASON}),
        Auth(),
    ],
}
BOTH = [(version, packet) for version, packets_of in SAMPLES.items() for packet in packets_of]
