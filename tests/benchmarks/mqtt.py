"""The MQTT broker against mosquitto, and amqtt where it is installed: one client, three brokers, one run.

Idea      Each broker is a process of its own. The client is one thread with blocking sockets that builds
          and counts whole blocks of packets of one length, so that its own share is small. The brokers
          take turns, and what counts is the median of the ratios. Seconds are of the wall, since
          a broker that waits is slow, too; the note has microseconds of the broker's processor.
Window    At most 500 messages are sent and not yet received (QoS 0) or not yet acked (QoS 1).
Here      MQTT 3.1.1, 200 bytes of payload, 127.0.0.1. Mosquitto with TCP_NODELAY, as every asyncio server
          has it, and with no limit of messages in flight.
Ping      Is measured with client and brokers on one core: on two, what counts is how long a machine takes
          to wake the other one, and whether the kernel has put the broker there: between two runs the same
          broker's ping triples. That figure stands beside it, without a limit.
Missing   What is not installed is named on stderr and has no row. amqtt may have a Python of its own: set
          AMQTT_PYTHON, since it brings dependencies that the course does not want.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from minibroker.mqtt.codec import Decoder, encode
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    Connack,
    Connect,
    Packet,
    Publish,
    Subscribe,
    Subscription,
)
from tests.benchmarks.measure import Measurement

PAYLOAD = b"x" * 200
WINDOW = 500
TURNS = 5
MESSAGES = {0: 20_000, 1: 10_000}  # by QoS; a tenth of it where a broker is that much slower
SLOW = {"amqtt"}
FAN_OUT = 50
IDLE = 1_000

MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
log_dest none
"""
AMQTT = """
import asyncio, logging, sys
from amqtt.broker import Broker

logging.disable(logging.CRITICAL)
CONFIG = {"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}},
          "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}}

async def main():
    await Broker(CONFIG).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


# ---------------------------------------------------------------- the brokers


@dataclass
class Broker:
    """A broker's process, and where it listens."""

    name: str
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Seconds of the processor that it has used."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def brokers() -> Iterator[list[Broker]]:
    """All that are installed, ours first."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = [stack.enter_context(_running("minibroker", [sys.executable, "-m", "minibroker", "--mqtt"]))]
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if mosquitto:
            config = Path(folder, "mosquitto.conf")
            port = _free_port()
            config.write_text(MOSQUITTO.format(port=port))
            found.append(stack.enter_context(_running("mosquitto", [mosquitto, "-c", str(config)], port)))
        else:
            print(
                "NOT MEASURED: no mosquitto (apt install mosquitto), so nothing to compare with",
                file=sys.stderr,
            )
        python = os.environ.get("AMQTT_PYTHON")
        if python or importlib.util.find_spec("amqtt"):
            found.append(stack.enter_context(_running("amqtt", [python or sys.executable, "-c", AMQTT])))
        else:
            print("NOT MEASURED: no amqtt (pip install amqtt, or AMQTT_PYTHON=path)", file=sys.stderr)
        yield found


@contextmanager
def _running(name: str, command: list[str], port: int | None = None) -> Iterator[Broker]:
    if port is None:
        port = _free_port()
        command = [*command, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _await_port(port, process)
        yield Broker(name, port, psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                assert process.stderr is not None
                raise RuntimeError(f"no broker on port {port}: {process.stderr.read()[-500:]!r}") from None
            time.sleep(0.05)


# ---------------------------------------------------------------- the client


class Client:
    """A blocking MQTT 3.1.1 client for blocks of packets of one length."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", broker.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        [connack] = self.ask(Connect(name, version=MQTT_3_1_1))
        assert isinstance(connack, Connack) and not connack.reason_code

    def ask(self, packet: Packet) -> list[Packet]:
        """Send `packet` and return what comes next."""
        self.socket.sendall(encode(packet, MQTT_3_1_1))
        return Decoder(version=MQTT_3_1_1).feed(self.socket.recv(65_536))

    def subscribe(self, filter: str, qos: int) -> None:
        self.ask(Subscribe(1, (Subscription(filter, qos),)))

    def close(self) -> None:
        self.socket.close()


def block(topic: str, qos: int, count: int) -> bytes:
    """`count` PUBLISH packets, with packet ids from 1 on."""
    one = Publish(topic, PAYLOAD, qos, packet_id=1 if qos else None)
    if not qos:
        return encode(one, MQTT_3_1_1) * count
    return b"".join(encode(one._replace(packet_id=number), MQTT_3_1_1) for number in range(1, count + 1))


def acks(packets: bytes, length: int, id_at: int) -> bytes:
    """The PUBACKs for whole PUBLISH packets of `length` bytes whose packet id stands at `id_at`."""
    count = len(packets) // length
    answer = bytearray(4 * count)
    answer[0::4], answer[1::4] = b"\x40" * count, b"\x02" * count
    answer[2::4], answer[3::4] = packets[id_at::length], packets[id_at + 1 :: length]
    return bytes(answer)


def throughput(broker: Broker, qos: int, messages: int, subscribers: int = 1) -> float:
    """Messages per second, from the first send until each subscriber has the last one (and it is acked)."""
    topic = "bench"
    readers = [Client(broker, f"reader-{number}") for number in range(subscribers)]
    for reader in readers:
        reader.subscribe(topic, qos)
    writer = Client(broker, "writer")
    portion = WINDOW // 5
    portions = [block(topic, qos, WINDOW)]
    length = len(portions[0]) // WINDOW
    sized = [portions[0][i * portion * length : (i + 1) * portion * length] for i in range(5)]
    id_at = 2 + (1 if length > 129 else 0) + 1 + len(topic) + 1  # fixed header, length of the topic, topic
    received, rest = [0] * subscribers, [b""] * subscribers
    sent = acked = 0
    began = time.perf_counter()
    while True:
        done = min(received) if qos == 0 else min(acked, *received)
        if sent < messages and sent - done <= WINDOW - portion:
            writer.socket.sendall(sized[sent // portion % 5])
            sent += portion
            continue
        if done >= messages:
            break
        for number, reader in enumerate(readers):
            if received[number] >= sent:
                continue
            data = rest[number] + reader.socket.recv(1 << 20)
            whole = len(data) // length * length
            rest[number] = data[whole:]
            received[number] += whole // length
            if qos and whole:
                reader.socket.sendall(acks(data[:whole], length, id_at))
        if qos and acked < sent:
            acked += len(writer.socket.recv(1 << 16)) // 4
    took = time.perf_counter() - began
    for client in (*readers, writer):
        client.close()
    return messages / took


def ping(broker: Broker, count: int = 2_000) -> float:
    """The median of the seconds from PINGREQ to PINGRESP."""
    client = Client(broker, "pinger")
    took = []
    for _ in range(count):
        began = time.perf_counter()
        client.socket.sendall(b"\xc0\x00")
        client.socket.recv(16)
        took.append(time.perf_counter() - began)
    client.close()
    return statistics.median(took)


@contextmanager
def on_one_core(found: list[Broker]) -> Iterator[str]:
    """Client and brokers share a core, where the system lets one choose. Gives where they run, in words."""
    processes = [psutil.Process(), *(broker.process for broker in found)]
    if not hasattr(psutil.Process, "cpu_affinity"):  # macOS
        yield "on any core"
        return
    before = [process.cpu_affinity() for process in processes]
    for process in processes:
        process.cpu_affinity(before[0][:1])
    try:
        yield "on one core"
    finally:
        for process, cores in zip(processes, before, strict=True):
            process.cpu_affinity(cores)


def idle(broker: Broker) -> float:
    """Bytes of resident memory that one more idle connection costs the broker."""
    warm = [Client(broker, f"warm-{number}") for number in range(50)]
    before = broker.process.memory_info().rss
    clients = [Client(broker, f"idle-{number}") for number in range(IDLE)]
    after = broker.process.memory_info().rss
    for client in (*warm, *clients):
        client.close()
    return (after - before) / IDLE


# ---------------------------------------------------------------- side by side


def turns(found: list[Broker], one: Callable[[Broker], float], count: int) -> dict[str, list[float]]:
    """`one` of each broker, in turns that begin with another broker each time."""
    values: dict[str, list[float]] = {broker.name: [] for broker in found}
    for turn in range(count):
        for broker in found[turn % len(found) :] + found[: turn % len(found)]:
            values[broker.name].append(one(broker))
    return values


def _some(broker: Broker, messages: int) -> int:
    return messages // 10 if broker.name in SLOW else messages


def measure() -> list[Measurement]:
    rows = []
    with brokers() as found:
        size = idle(found[0]) / 1024  # first, while its process has no memory to spare
        rows.append(Measurement("mqtt, an idle connection", size, "KiB", 12.0, 6.0, "resident, of 1,000"))
        ours, others = found[0].name, [broker.name for broker in found[1:]]

        def compare(
            what: str,
            one: Callable[[Broker], float],
            unit: str,
            scale: float,
            must: float | None,
            goal: float | None,
            *,
            count: int = TURNS,
            more_is_better: bool = True,
        ) -> None:
            before = {broker.name: broker.cpu() for broker in found}
            values = turns(found, one, count)
            used = {broker.name: broker.cpu() - before[broker.name] for broker in found}
            said = ", ".join(f"{n} {statistics.median(v) / scale:.1f}{unit}" for n, v in values.items())
            cpu = ", ".join(f"{n} {seconds:.2f} s" for n, seconds in used.items())
            for other in others:
                ratios = [
                    b / a if more_is_better else a / b
                    for a, b in zip(values[ours], values[other], strict=True)
                ]
                limits = (must and 1 / must, goal and 1 / goal) if more_is_better else (must, goal)
                bounds = limits if other == "mosquitto" else (None, None)
                note = f"{said}; processor: {cpu}"
                rows.append(
                    Measurement(
                        f"mqtt, {what}: cost of {other}'s", statistics.median(ratios), "x", *bounds, note
                    )
                )

        for qos, must, goal in ((0, 0.4, 1.2), (1, 0.4, 1.0)):
            for broker in found:
                throughput(broker, qos, 2_000)  # does not count
            compare(
                f"QoS {qos}", lambda b, q=qos: throughput(b, q, _some(b, MESSAGES[q])), "k/s", 1e3, must, goal
            )
        compare(
            "fan-out to 50",
            lambda b: FAN_OUT * throughput(b, 0, _some(b, 1_000), FAN_OUT),
            "k/s",
            1e3,
            1.0,
            3.0,
        )
        with on_one_core(found) as where:
            compare(f"ping p50, {where}", ping, " us", 1e-6, 2.5, 1.6, more_is_better=False)
        compare("ping p50, wherever they run", ping, " us", 1e-6, None, None, more_is_better=False)
    return rows
