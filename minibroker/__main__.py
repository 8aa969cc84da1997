"""A broker on its own, over HTTP and MQTT, in memory or in a folder; and a look at what one has kept.

    python -m minibroker --http 8080 --path data      serve until Ctrl-C; without --path, in memory
    python -m minibroker --mqtt 1883                  MQTT 3.1.1 and 5, alone or beside HTTP
    python -m minibroker inspect data                  what the journal there knows; it changes nothing

Idea      The shells of this package, put together: the ASGI app runs under uvicorn, which alone is
          not of the standard library, and is asked for when it is needed.
Security  None: it listens on 127.0.0.1, and whoever reaches that may do everything.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minibroker.broker import Broker
from minibroker.errors import BrokerError
from minibroker.http import BrokerApp

TO_PRACTISE = "test/nosubscribe"  # a topic at which a client can practise to be refused


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0: served and stopped, or looked; 1: it could not; 2: wrong usage."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["inspect"]:
            return inspect(given[1:])
        return asyncio.run(serve(given))
    except (BrokerError, OSError) as error:
        print(f"minibroker: {error}", file=sys.stderr)
        return 1


async def serve(arguments: list[str]) -> int:
    """Run a broker until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m minibroker", description=__doc__.partition("\n")[0])
    parser.add_argument("--http", type=int, metavar="PORT", help="serve HTTP here; 0 takes a free port")
    parser.add_argument("--mqtt", type=int, metavar="PORT", help="serve MQTT here; 0 takes a free port")
    parser.add_argument("--path", metavar="DIR", help="keep everything in this folder")
    parser.add_argument("--no-fsync", action="store_true", help="faster: survive kill -9, but no power cut")
    parser.add_argument(
        "--refuse-subscribe",
        action="append",
        metavar="FILTER",
        help="answer 0x80, failure, to whoever subscribes to just this MQTT filter (a wider one still "
        "gets its messages: this tries clients, it protects nothing); may be given again. Without it: "
        f"{TO_PRACTISE}, the topic at which Eclipse Paho's interoperability tests try it; '' for none",
    )
    parser.add_argument("--host", default="127.0.0.1", help="listen on this address (default 127.0.0.1)")
    options = parser.parse_args(arguments)
    if options.http is None and options.mqtt is None:
        parser.error("name a port: --http PORT or --mqtt PORT")
    async with (
        Broker(path=options.path, fsync=not options.no_fsync) as broker,
        contextlib.AsyncExitStack() as up,
    ):
        if broker.found is not None:
            print(f"minibroker: {options.path}: {broker.found}", flush=True)
        if options.http is not None:
            port = await up.enter_async_context(_http(broker, options.host, options.http))
            print(f"minibroker: http://{options.host}:{port}/queues", flush=True)
        if options.mqtt is not None:
            refused = frozenset(options.refuse_subscribe or [TO_PRACTISE])
            mqtt = broker.listen_mqtt(
                host=options.host,
                port=options.mqtt,
                authorize=lambda who, action, topic: action != "subscribe" or topic not in refused,
            )
            await up.enter_async_context(mqtt)
            print(f"minibroker: mqtt://{options.host}:{mqtt.port}", flush=True)
        await _asked_to_stop()
    return 0


@contextlib.asynccontextmanager
async def _http(broker: Broker, host: str, port: int) -> Any:
    """The broker's ASGI app under uvicorn; gives the port."""
    try:
        import uvicorn
    except ImportError:
        raise BrokerError("HTTP needs the package uvicorn: pip install uvicorn") from None
    config = uvicorn.Config(
        BrokerApp(broker), host=host, port=port, ws="none", lifespan="off", log_level="warning"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    sockets = [config.bind_socket()]
    await server.startup(sockets=sockets)
    serving = asyncio.create_task(server.main_loop())
    try:
        yield sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        await server.shutdown(sockets=sockets)


async def _asked_to_stop() -> None:
    """Wait for Ctrl-C or a friendly kill."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, stop.set)
        except NotImplementedError:  # Windows: the handler runs in the main thread, between two steps
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))
    await stop.wait()


# -- looking ---------------------------------------------------------------------------------------------


class _LookedAt:
    """A journal that is only read: what a broker does to it is refused or left undone."""

    def __init__(self, folder: str) -> None:
        self.name = folder
        self._data = (Path(folder) / "journal").read_bytes()

    def read(self) -> bytes:
        return self._data

    def cut(self, size: int) -> None:
        """Leave the torn tail where it is."""

    def close(self) -> None:
        """There is nothing open."""

    async def append(self, data: bytes) -> None:
        raise OSError("this is a look only")

    async def replace(self, frames: Iterable[bytes]) -> None:
        raise OSError("this is a look only")

    def append_now(self, data: bytes) -> None:
        raise OSError("this is a look only")

    def try_to_hold(self, size: int) -> None:
        raise OSError("this is a look only")


def inspect(arguments: list[str]) -> int:
    """Print what the journal of a folder knows: as a broker that starts there now would find it."""
    parser = argparse.ArgumentParser(
        prog="python -m minibroker inspect", description="What a broker has kept, without changing it."
    )
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--messages", type=int, default=0, metavar="N", help="and the first N of each queue")
    options = parser.parse_args(arguments)
    broker = Broker(storage=_LookedAt(options.folder))
    print(f"{options.folder}: {broker.found}")
    for lines in _tables(broker, options.messages):
        print()
        print("\n".join(lines))
    return 0


def _tables(broker: Broker, messages: int) -> Iterable[list[str]]:
    head = ("queue", "ready", "blocked", "delayed", "in flight", "acked", "dead-lettered", "oldest, s")
    seen = [broker.snapshot(name) for name in broker.queue_names()]
    yield _columns(
        head,
        [
            (
                s.name,
                s.ready,
                s.blocked,
                s.delayed,
                s.in_flight,
                s.acked,
                s.dead_lettered,
                "" if s.oldest_age is None else f"{s.oldest_age:.1f}",
            )
            for s in seen
        ],
    )
    if topics := broker.logs.snapshots():
        yield _columns(
            ("topic", "partition", "start", "end", "records"),
            [
                (topic.name, n, p.start_offset, p.end_offset, p.records)
                for topic in topics
                for n, p in enumerate(topic.partitions)
            ],
        )
    if groups := broker.logs.groups():
        yield _columns(
            ("group", "topic", "generation", "partition", "committed", "lag"),
            [
                (name, topic, group.generation, lag.partition, lag.committed, lag.records)
                for topic, name in groups
                for group in [broker.logs.group(topic, name)]
                for lag in group.lag(topic, now=broker.now())
            ],
        )
    if bindings := broker.bindings():
        ends = [(line["filter"], *((k, v) for k, v in line.items() if k != "filter")) for line in bindings]
        yield _columns(("filter", "to", "name"), [(filter, *end) for filter, end in ends])
    for name in broker.queue_names() if messages else ():
        for message in broker.peek(name, messages):
            died = "; ".join(f"{d.reason} in {d.queue} x{d.count} {d.error}".rstrip() for d in message.deaths)
            yield [f"{name} #{message.id}: {message.body!r:.100}{'  died: ' + died if died else ''}"]


def _columns(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    texts = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[n]) for row in texts) for n in range(len(head))]
    return [
        "  ".join(
            t.ljust(w) if n == 0 else t.rjust(w) for n, (t, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    ]


if __name__ == "__main__":
    raise SystemExit(main())
