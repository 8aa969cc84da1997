"""What all tests share: the same examples every time, and skips that are heard.

Idea      Hypothesis runs under one profile everywhere, so that a red test is red for everybody.
          A group of tests that needs a part this machine lacks (Chromium, a broker's client) is
          skipped, and the end of the run says so in one line each: what, how many, what to do.
          Tests that share what is dear to make (a browser, a server, a verdict) stay in one process
          when `make test` shares all of them out.
Not here  Fixtures of one package: they stand in that package's folder.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", deadline=None, max_examples=2_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

# Where each system keeps a Chromium; CHROMIUM names another.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ENGINES_TESTS = "tests/minibroker/engines/"
ENGINES = ("aio_pika", "aiokafka", "confluent_kafka")
# The file whose tests share nothing but the answer that they look at; it takes longest of all.
ANSWERS = "tests/exercises/test_answers.py"


def find_chromium() -> str | None:
    """The path of the machine's Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    applications = Path("/Applications") / "Google Chrome.app" / "Contents" / "MacOS" / "Google Chrome"
    return str(applications) if applications.exists() else None


def find_server(name: str) -> str | None:
    """The path of a server's program, or None. Debian keeps them in sbin, which a user's PATH leaves out."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def missing(group: str, *servers: str) -> str | None:
    """What the marked `group` of tests lacks on this machine and how to get it; None if nothing.

    A mark says what else a test needs: `engines("rabbitmq-server")` is for one that starts that program.
    """
    if group == "browser":
        if importlib.util.find_spec("playwright") is None:
            return "no playwright (it is in the extra [dev]: make setup)"
        if find_chromium() is None:
            return "no Chromium (apt install chromium, or CHROMIUM=path)"
    if group == "engines":
        lacking = [name for name in ENGINES if importlib.util.find_spec(name) is None]
        if lacking:
            return f"no {', '.join(lacking)} (make setup EXTRAS=dev,engines)"
        lacking = [name for name in servers if find_server(name) is None]
        if lacking:
            return f"no {', '.join(lacking)} (apt install {' '.join(lacking)})"
    return None


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C; tests of that would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for group in ("browser", "engines"):
            mark = item.get_closest_marker(group)
            if mark and (reason := missing(group, *mark.args)):
                item.add_marker(pytest.mark.skip(reason=f"{group}: {reason}"))
    # Small pieces of work last: so all processes come to their end at about the same time.
    items.sort(key=lambda item: item.nodeid.startswith(ANSWERS))


def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: no collection of garbage need look through them again."""
    gc.collect()
    gc.freeze()


def together(nodeid: str) -> str:
    """What a test is one piece of work with: its file, the answer that it looks at, or the real brokers."""
    file, _, name = nodeid.partition("::")
    if file.startswith(ENGINES_TESTS):
        return ENGINES_TESTS  # one process, and so one RabbitMQ
    return file + name[name.find("[") :] if file == ANSWERS and "[" in name else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    return Together(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason to skip, whoever gave it, and for what a test measured and did not judge."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "measured":
                terminalreporter.write_line(f"MEASURED: {value}")
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(r.longrepr[2]) for r in reports if isinstance(r.longrepr, tuple))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(
            f"NOT RUN ({count}): {reason.removeprefix('Skipped: ')}", yellow=True, bold=True
        )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium by playwright; `chromium.new_page()` opens a page. Mark the test `browser`."""
    from playwright.sync_api import sync_playwright

    # Nothing is fetched but what a test asks for. Root (a container's user) cannot have Chromium's sandbox.
    quiet = ["background-networking", "component-update", "sync", "gpu", "quic"]
    arguments = ["--no-first-run", *(f"--disable-{what}" for what in quiet)]
    if sys.platform != "win32" and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()
