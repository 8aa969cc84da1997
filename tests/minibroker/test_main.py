"""`python -m minibroker`: it serves until it is told to stop, and a look changes nothing."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minibroker import Broker, InvalidArgument, connect
from minibroker.__main__ import main
from tests.repository import ROOT


@contextmanager
def serving(*options: object, by: str = "http") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A broker in a process of its own, by "http" or "mqtt"; its address."""
    command = [sys.executable, "-m", "minibroker", f"--{by}", "0", *map(str, options)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = ""
        while not (found := re.search(rf"{by}://127\.0\.0\.1:\d+", said)):
            line = process.stdout.readline()
            assert line, f"it ended without an address; it said {said!r}"
            said += line
        yield found[0], process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def post(address: str, arguments: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(arguments).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.skipif(sys.platform == "win32", reason="windows: no SIGTERM to send")
def test_it_serves_over_http_stops_when_asked_to_and_knows_everything_again(tmp_path):
    with serving("--path", tmp_path) as (address, process):
        post(f"{address}/queues/charges/create", {"visibility_timeout": 5})
        post(f"{address}/queues/charges/send", {"body": {"order": 7}})
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    with serving("--path", tmp_path) as (address, _):
        answer = post(f"{address}/queues/charges/receive", {})

    assert [lease["message"]["body"] for lease in answer["leases"]] == [{"order": 7}]


@pytest.mark.parametrize(
    ("options", "refused", "granted"),
    [
        ((), "test/nosubscribe", "test/subscribe"),
        (("--refuse-subscribe", "a", "--refuse-subscribe", "b"), "b", "test/nosubscribe"),
        (("--refuse-subscribe", ""), None, "test/nosubscribe"),
    ],
)
def test_at_one_topic_a_client_of_mqtt_can_practise_to_be_refused(options, refused, granted):
    async def subscribed(address: str) -> None:
        async with connect(address) as client, client.subscribe(granted):
            if refused is not None:
                with pytest.raises(InvalidArgument, match=f"refuses to subscribe to '{refused}'"):
                    async with client.subscribe(refused):
                        pass

    with serving(*options, by="mqtt") as (address, _):
        asyncio.run(subscribed(address))


def test_a_second_one_on_the_same_path_says_so_and_ends(tmp_path, capsys):
    with a_broker_on(tmp_path):
        assert main(["--http", "0", "--path", str(tmp_path)]) == 1

    assert "another broker has" in capsys.readouterr().err


def test_without_a_port_it_says_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "--http" in capsys.readouterr().err


def test_a_look_shows_queues_messages_and_deaths_and_changes_no_byte(tmp_path, capsys):
    with a_broker_on(tmp_path) as broker:
        broker.create_queue("charges", max_receive_count=1, dead_letter_queue="dead")
        broker.send("charges", {"order": 7})
        broker.send("charges", {"order": 13})
        [lease] = asyncio.run(broker.receive("charges"))
        broker.nack("charges", lease.receipt, reason="no amount")
        asyncio.run(broker.receive("charges"))
        broker.create_topic("log", partitions=2)
        broker.bind("shop/#", topic="log")
        broker.logs.append("log", None, "first")
        asyncio.run(a_commit(broker))
    journal = tmp_path / "journal"
    with journal.open("ab") as file:
        file.write(b"half a fra")
    before = journal.read_bytes()

    assert main(["inspect", str(tmp_path), "--messages", "5"]) == 0

    said = capsys.readouterr().out
    assert "10 bytes of an unfinished frame" in said
    assert re.search(r"^charges +0 +0 +0 +1 +0 +1 ", said, re.MULTILINE)
    assert "dead #1: {'order': 7}  died: max_receive_count in charges x1 no amount" in said
    assert re.search(r"^log +0 +0 +1 +1$", said, re.MULTILINE)
    assert re.search(r"^billing +log +1 +0 +1 +0$", said, re.MULTILINE)
    assert re.search(r"^shop/# +topic +log$", said, re.MULTILINE)
    assert journal.read_bytes() == before


def test_a_look_at_a_folder_without_a_journal_says_so(tmp_path, capsys):
    assert main(["inspect", str(tmp_path)]) == 1
    assert "No such file" in capsys.readouterr().err


async def a_commit(broker: Broker) -> None:
    """A group reads the topic to its end, commits, and leaves."""
    async with broker.topic("log").consumer("billing", member="w", start="earliest") as consumer:
        await consumer.poll()
        await consumer.commit()


@contextmanager
def a_broker_on(path: Path) -> Iterator[Broker]:
    broker = Broker(path=path)
    try:
        yield broker
    finally:
        broker.close()
