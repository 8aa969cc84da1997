"""One function for all engines: the url says which.

    async with connect("memory:") as broker:
        charges = await broker.create_queue("charges", max_receive_count=5, dead_letter_queue="dead")

Idea      A service that takes a Queue or a Topic does not know whose it is, so leaving the
          classroom is another url. An engine's library is imported when its url is asked for.
Not here  The engines themselves.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from minibroker.engines.engine import Engine
from minibroker.engines.memory import Memory
from minibroker.errors import EngineMissing, InvalidArgument


def connect(url: str) -> Engine:
    """The engine of `url`, to be opened by `async with`:

    | url                              | engine                                                         |
    |----------------------------------|----------------------------------------------------------------|
    | `memory:`                        | minibroker, in this process; gone at the end                   |
    | `file:./data`                    | the same, durable: it knows again what that folder's journal says |
    | `amqp://user:password@host:5672` | RabbitMQ; `amqps:` over TLS                                    |
    | `kafka://host:9092`              | Kafka; more hosts after commas                                 |
    | `mqtt://user:password@host:1883` | any MQTT 5 broker, to publish and subscribe; `mqtts:` over TLS |

    InvalidArgument for any other url; EngineMissing, with what to install, if its library is not here.
    """
    scheme = urlsplit(url).scheme if isinstance(url, str) else ""
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise InvalidArgument(f"no engine for the url {str(url)[:80]!r}; it begins with one of: {known}")
    try:
        return ENGINES[scheme](url)
    except ModuleNotFoundError as missing:
        raise EngineMissing(
            f"{scheme}: needs the module {missing.name}, which is not installed: "
            f"pip install 'broken-on-purpose[engines]' (in a clone: make setup EXTRAS=dev,engines)"
        ) from missing


def _memory(url: str) -> Engine:
    return Memory()


def _file(url: str) -> Engine:
    path = url.removeprefix("file:")
    if not path:
        raise InvalidArgument("file: needs a folder, as in file:./data")
    return Memory(path)


def _rabbitmq(url: str) -> Engine:
    from minibroker.engines.rabbitmq import RabbitMQ

    return RabbitMQ(url)


def _kafka(url: str) -> Engine:
    from minibroker.engines.kafka import Kafka

    return Kafka(url)


def _mqtt(url: str) -> Engine:
    from minibroker.engines.mqtt import Mqtt

    return Mqtt(url)


ENGINES: dict[str, Callable[[str], Engine]] = {
    "memory": _memory,
    "file": _file,
    "amqp": _rabbitmq,
    "amqps": _rabbitmq,
    "kafka": _kafka,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
}
