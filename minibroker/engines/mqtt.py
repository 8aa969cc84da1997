"""Any MQTT broker, to publish and subscribe.

Idea      One connection publishes, each subscription has its own. QoS 1 both ways: publish() returns
          when the broker has it, and a subscriber whose connection lives misses nothing.
Ack       The client acks a message when it has come, not when you have handled it: what waits here
          when the process dies is lost to it. For work that must not be lost, a queue.
Not here  Sessions that outlive a connection, shared subscriptions, properties: aiomqtt has them.
Source    MQTT 5.0; aiomqtt's documentation.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from aiomqtt import Client, MqttCodeError, MqttError, ProtocolVersion, TLSParameters

from minibroker.arguments import from_json, to_json
from minibroker.engines.capabilities import Capabilities, Capability, Lack
from minibroker.engines.engine import Engine, Publication, Subscription
from minibroker.errors import BrokerUnreachable, InvalidArgument, NoAnswer
from minibroker.topic_filter import checked_filter, checked_subject

CAPABILITIES = Capabilities(
    "MQTT",
    {
        Capability.QUEUES: Lack(
            "a subscriber cannot give back what it did not handle, and nothing is dead-lettered",
            "an amqp: url",
        ),
        Capability.TOPICS: Lack(
            "a broker keeps one retained message a subject, and no log of them",
            "a kafka: url",
        ),
    },
)
AT_LEAST_ONCE = 1
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Mqtt(Engine):
    """One broker.

    url      mqtt://user:password@host:port, mqtts: over TLS
    timeout  seconds for an answer
    """

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._url = urlsplit(url)
        self._timeout = timeout
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Mqtt":
        self._publisher = await self._open.enter_async_context(self._connected())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def publish(self, subject: str, body: Any, *, retain: bool = False) -> None:
        """NoAnswer if the connection ends before the broker has said that it has it.

        None with retain forgets what was retained.
        """
        checked_subject(subject)
        payload = b"" if retain and body is None else to_json(body).encode()
        try:
            await self._publisher.publish(subject, payload, qos=AT_LEAST_ONCE, retain=retain)
        except MqttError as error:
            raise NoAnswer(f"published to {subject!r}, and the broker did not confirm it: {error}") from error

    def subscribe(self, filter: str) -> Subscription:
        checked_filter(filter)
        return self._subscribed(filter)

    @asynccontextmanager
    async def _subscribed(self, filter: str) -> AsyncIterator[AsyncIterator[Publication]]:
        async with self._connected() as client:
            try:
                [granted] = await client.subscribe(filter, qos=AT_LEAST_ONCE)
            except MqttCodeError as error:
                raise InvalidArgument(f"the broker refuses to subscribe to {filter!r}: {error}") from error
            except MqttError as error:
                raise BrokerUnreachable(f"the connection ended before {filter!r} was subscribed") from error
            if not isinstance(granted, int) and granted.is_failure:  # aiomqtt raises nothing for that
                raise InvalidArgument(f"the broker refuses to subscribe to {filter!r}: {granted}")
            yield _publications(client)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """A connection; BrokerUnreachable if there is none to be had."""
        url = self._url
        client = Client(
            url.hostname or "127.0.0.1",
            url.port or PORTS[url.scheme],
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            tls_params=TLSParameters() if url.scheme == "mqtts" else None,
            protocol=ProtocolVersion.V5,
            timeout=self._timeout,
        )
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(client)
            except MqttError as error:
                raise BrokerUnreachable(f"no connection to {url.hostname}:{url.port}: {error}") from error
            try:
                yield client
            finally:
                try:
                    await stack.aclose()
                except MqttError:
                    pass  # the connection was lost; who used it has been told


async def _publications(client: Client) -> AsyncIterator[Publication]:
    """What arrives, for ever. BrokerUnreachable when the connection ends: what comes meanwhile is missed."""
    try:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            yield Publication(str(message.topic), _body(payload), bool(message.retain))
    except MqttError as error:
        raise BrokerUnreachable(f"the connection ended: {error}. Subscribe again") from error


def _body(payload: bytes) -> Any:
    """The JSON value, or the bytes of what is none. Nothing is None."""
    try:
        return from_json(payload) if payload else None
    except InvalidArgument:
        return payload
