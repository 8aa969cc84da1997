"""What the contract runs on: each engine, reached by its url.

Idea      A test is a scenario that gets a broker and says what must be true of it. minibroker
          runs it on a virtual clock, a real engine on a real one. Names are new for each
          test, since a real broker outlives it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from minibroker import Broker
from minibroker.engines import Capabilities, Engine, connect
from tests.minibroker.conftest import JumpingLoop
from tests.minibroker.engines.mock_kafka import MockKafka, library
from tests.minibroker.engines.servers import RabbitMQ, mosquitto

PATIENCE = 40.0  # seconds for one scenario; on a virtual clock, an hour
NUMBERS = count(1)
KAFKA_SERVERS = os.environ.get("KAFKA_SERVERS")  # host:port of a real Kafka, to try the contract on it


class Bench:
    """One engine, to run scenarios on. `moment`: seconds after which what has not come does not come."""

    def __init__(self, name: str, url: str, *, moment: float, loop_factory: Any = None) -> None:
        self.engine, self.url, self.moment = name, url, moment
        self._loop_factory = loop_factory

    def __repr__(self) -> str:
        return f"Bench({self.url})"

    @property
    def capabilities(self) -> Capabilities:
        return connect(self.url).capabilities

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The url, while somebody listens there."""
        yield self.url

    def name(self, word: str) -> str:
        """A name that no test had before."""
        return f"{word}-{next(NUMBERS)}"

    def topic_name(self, word: str) -> str:
        """The same, of a topic with four partitions: it can be created, or is there already."""
        name = self.name(word)
        self.prepare_topic(name)
        return name

    def prepare_topic(self, name: str) -> None:
        """Kafka's mock cluster does not know CreateTopics: there it is made beforehand."""

    def run(self, scenario: Callable[[Engine], Awaitable[Any]]) -> Any:
        """What `scenario(broker)` returns, on a connection of its own."""

        async def connected() -> Any:
            patience = PATIENCE if self._loop_factory is None else 3600.0
            async with asyncio.timeout(patience), self.serving() as url, connect(url) as broker:
                return await scenario(broker)

        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            return runner.run(connected())


class OwnListener(Bench):
    """minibroker's MQTT listener, in the loop of the scenario."""

    def __init__(self) -> None:
        super().__init__("minibroker-mqtt", "mqtt://127.0.0.1", moment=0.3)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with Broker(clock=asyncio.get_running_loop().time).listen_mqtt() as listener:
            yield f"mqtt://127.0.0.1:{listener.port}"


def bench(name: str, request: pytest.FixtureRequest) -> Bench:
    if name == "memory":
        return Bench("memory", "memory:", moment=1.0, loop_factory=JumpingLoop)
    if name == "minibroker-mqtt":
        return OwnListener()
    made = Bench(name, request.getfixturevalue(f"{name}_url"), moment=0.3)
    if name == "kafka":
        cluster = request.getfixturevalue("kafka_cluster")
        if cluster is not None:
            made.prepare_topic = lambda topic: cluster.create_topic(topic, 4)  # type: ignore[method-assign]
    return made


MEMORY = "memory"
OWN_MQTT = "minibroker-mqtt"
MOSQUITTO = pytest.param("mosquitto", marks=pytest.mark.engines("mosquitto"))
KAFKA = pytest.param("kafka", marks=pytest.mark.engines)
RABBITMQ = pytest.param("rabbitmq", marks=pytest.mark.engines("rabbitmq-server"))


@pytest.fixture(scope="session")
def memory(request: pytest.FixtureRequest) -> Bench:
    """minibroker alone."""
    return bench("memory", request)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Bench:
    """Kafka alone."""
    return bench("kafka", request)


@pytest.fixture(scope="session")
def rabbit(request: pytest.FixtureRequest) -> Bench:
    """RabbitMQ alone."""
    return bench("rabbitmq", request)


@pytest.fixture(scope="session", params=[MEMORY, RABBITMQ])
def queues(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has queues."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY, KAFKA])
def topics(request: pytest.FixtureRequest) -> Bench:
    """Each engine that has topics."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY, OWN_MQTT, MOSQUITTO])
def subjects(request: pytest.FixtureRequest) -> Bench:
    """Each engine that publishes to subjects."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[OWN_MQTT, MOSQUITTO])
def subjects_by_mqtt(request: pytest.FixtureRequest) -> Bench:
    """Those of them that are reached by a connection."""
    return bench(request.param, request)


@pytest.fixture(scope="session", params=[MEMORY, KAFKA, OWN_MQTT, RABBITMQ])
def any_engine(request: pytest.FixtureRequest) -> Bench:
    """Each engine."""
    return bench(request.param, request)


# -- the servers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def rabbitmq(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitMQ | None]:
    """Started as soon as it is known that it will be needed: it boots while the other engines are tried."""
    wanting = [item for item in request.session.items if "rabbitmq-server" in _servers(item)]
    if all(item.get_closest_marker("skip") for item in wanting):
        yield None
        return
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: RabbitMQ) -> str:
    return rabbitmq.url


@pytest.fixture(scope="session")
def kafka_cluster() -> Iterator[MockKafka | None]:
    """The mock cluster; None where KAFKA_SERVERS names a real one, on which topics can be created."""
    if KAFKA_SERVERS:
        yield None
        return
    path = library()
    if path is None:
        pytest.skip(
            "engines: this confluent-kafka has no librdkafka of its own (pip install confluent-kafka)"
        )
    cluster = MockKafka(path)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def kafka_url(kafka_cluster: MockKafka | None) -> str:
    return f"kafka://{kafka_cluster.servers if kafka_cluster else KAFKA_SERVERS}"


@pytest.fixture(scope="session")
def mosquitto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield f"mqtt://127.0.0.1:{server.port}"
    server.stop()


def _servers(item: pytest.Item) -> tuple[object, ...]:
    mark = item.get_closest_marker("engines")
    return mark.args if mark else ()
