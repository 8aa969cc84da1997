"""Real brokers for the contract: started here on free ports of 127.0.0.1, and stopped by their own pid.

Idea      No service of the machine is used or disturbed: each server has a folder, ports and (Erlang) a
          name server of its own, and a session (setsid), so that what it started is ended with it.
Not here  Whether they are installed (tests/conftest.py says so when they are not).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.conftest import find_server

PATIENCE = 90.0  # seconds until a server that does not answer is given up; RabbitMQ takes 7 to 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A process that writes its log into `folder` and listens on `port`."""

    def __init__(self, command: list[str], folder: Path, port: int, environment: dict[str, str]) -> None:
        self.port = port
        self._log = folder / "log.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_it_answers(self, hello: bytes = b"") -> None:
        """Connect until it takes a connection and, if it is greeted with `hello`, says something."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(hello)
                    if not hello or connection.recv(1):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        told = self._log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{self._process.args} does not answer on port {self.port}; it said:\n{told}")

    def stop(self) -> None:
        """End it, and all that it started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(timeout=15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass


class RabbitMQ:
    """A node with nothing in it. It is made at once; `url` waits until it answers."""

    def __init__(self, folder: Path) -> None:
        names, node = free_port(), free_port()
        (folder / "enabled_plugins").write_text("[].")
        (folder / "names").mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # Erlang's cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": "contract@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(node),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            # +sbwt none: its idle schedulers do not spin on the cores that the tests need.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        }
        self._names = Server(["epmd"], folder / "names", names, environment)
        self._node = Server([_rabbitmq_server()], folder, node, environment)
        self._answers = False

    @property
    def url(self) -> str:
        if not self._answers:
            self._node.wait_until_it_answers(b"AMQP\x00\x00\x09\x01")
            self._answers = True
        return f"amqp://guest:guest@127.0.0.1:{self._node.port}/"

    def stop(self) -> None:
        self._node.stop()
        self._names.stop()


def _rabbitmq_server() -> str:
    """Debian's own wrapper changes the user and the folder; the script below it is the one that all have."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return str(found[-1]) if found else str(find_server("rabbitmq-server"))


def mosquitto(folder: Path) -> Server:
    """A Mosquitto that takes anonymous clients and keeps nothing."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    command = [str(find_server("mosquitto")), "-c", str(config)]
    server = Server(command, folder, port, {"PATH": os.environ["PATH"]})
    server.wait_until_it_answers()
    return server
