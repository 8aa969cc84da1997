"""doctor: what is installed, what is missing, and what that costs.

Idea      The list of packages is pyproject.toml's; here stands only what one loses without each.
          What is needed and missing makes the exit status 2; what is only useful does not.
Not here  Installing anything: `make setup` does.
"""

import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Literal

from classroom.grading.course import Course, numbered

OLDEST = (3, 11)
ALL_THERE = "All that is needed is there."
NEEDED_MEMORY, NEEDED_DISK = 1.0, 0.5  # GB free: a kernel and JupyterLab take about 0.4; a desk is small

COSTS = {  # what a learner loses without it; of the others, their cells raise ModuleNotFoundError
    "aiolimiter": "the library at the end of lesson 05",
    "aiomqtt": "MQTT on the wire, lesson 07",
    "anywidget": "the replay that can be played, paused and stepped",
    "cryptography": "service identities, lesson 15",
    "fastapi": "every service: nothing runs",
    "grpcio": "gRPC, lesson 03",
    "httpx": "every call: nothing runs",
    "hypothesis": "generated attacks: check and grade",
    "ipykernel": "the notebooks: nothing runs",
    "ipywidgets": "the panels; each shows a line of code that does the same",
    "jupyterlab": "the notebooks in the browser",
    "matplotlib": "the plots",
    "nbformat": "start, reset, check and grade",
    "nbval": "check and grade",
    "opentelemetry-sdk": "tracing, lesson 14",
    "purgatory": "the library at the end of lesson 06",
    "pytest": "check and grade",
    "simpy": "the storm with 100,000 clients, lesson 05",
    "stamina": "the library at the end of lesson 05",
    "trustme": "service identities, lesson 15",
    "uvicorn": "every section that goes live",
    # extras
    "aio-pika": "lesson 19 on a real RabbitMQ",
    "aiokafka": "lesson 19 on a real Kafka",
    "confluent-kafka": "lesson 19 on a mock cluster that speaks Kafka's protocol",
    "opentelemetry-exporter-otlp-proto-http": "the export of lesson 14's spans to a collector",
}
EXTRAS = ("engines", "otlp")  # a learner may want these; dev is for whoever changes the course
PROGRAMS = {
    (
        "chromium",
        "chromium-browser",
        "google-chrome",
        "chrome",
        "msedge",
    ): "the tests in a browser; no lesson needs it",
    ("rabbitmq-server",): "lesson 19 on a real RabbitMQ",
    ("envoy",): "lesson 19 behind a real proxy",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """state: ok; missing, and needed; or without, which costs something and stops nothing."""

    state: Literal["ok", "missing", "without"]
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.what:18} {self.detail}".rstrip()


def doctor(course: Course) -> int:
    """Print the findings as they come. 0 if all that is needed is there, else 2."""
    missing = 0
    for finding in findings(course):
        print(finding, flush=True)
        missing += finding.state == "missing"
    print(
        f"\nNeeded and missing: {missing}; `make setup` installs packages." if missing else f"\n{ALL_THERE}"
    )
    return 2 if missing else 0


def findings(course: Course) -> Iterator[Finding]:
    yield python(course)
    yield clone(course)
    yield from packages(course)
    yield kernel()
    yield loopback()
    yield memory()
    yield disk(course)
    yield from programs()


def python(course: Course, version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """The Python that runs this; where it lies is told from the course's folder, as lesson 00 stores it."""
    executable = Path(sys.executable)
    if executable.is_relative_to(course.root):
        executable = executable.relative_to(course.root)
    text = ".".join(map(str, version))
    if version >= OLDEST:
        return Finding("ok", "Python", f"{text}, {executable}")
    return Finding("missing", "Python", f"{text}; the course needs {'.'.join(map(str, OLDEST))} or newer")


def clone(course: Course) -> Finding:
    counts = [
        f"{len(numbered(course.root / shelf))} {shelf}" for shelf in ("lessons", "exercises", "solutions")
    ]
    if any(numbered(course.root / shelf) for shelf in ("lessons", "exercises")):
        return Finding("ok", "the course", ", ".join(counts))
    return Finding(
        "missing", "the course", f"no notebooks in {course.root}: the package alone is not enough, clone it"
    )


def packages(course: Course) -> Iterator[Finding]:
    """One finding for all packages that are right, one for each that is not."""
    try:
        project = tomllib.loads((course.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        yield Finding(
            "missing", "pyproject.toml", f"not in {course.root}, so what should be installed is unknown"
        )
        return
    needed = list(_wrong(project["dependencies"]))
    right = len(project["dependencies"]) - len(needed)
    yield Finding("ok", "packages", f"{right} of {len(project['dependencies'])}")
    for name, reason in needed:
        yield Finding("missing", name, f"{reason}; without it: {COSTS.get(name, 'the cells that import it')}")
    extras = project.get("optional-dependencies", {})
    for name, reason in _wrong(chain.from_iterable(extras.get(extra, []) for extra in EXTRAS)):
        yield Finding("without", name, f"{reason}; without it: {COSTS.get(name, 'the cells that import it')}")


def kernel() -> Finding:
    """Does a kernel start, and does it find this course?"""
    try:
        from nbval.kernel import start_new_kernel
    except ImportError:
        return Finding("missing", "kernel", "cannot be tried: nbval is not installed")
    began = time.perf_counter()
    try:
        manager, client = start_new_kernel(
            startup_timeout=30, kernel_name="python3", stderr=subprocess.DEVNULL
        )
    except Exception as error:
        return Finding(
            "missing", "kernel", f"no Python kernel starts: {type(error).__name__}: {error}".splitlines()[0]
        )
    try:
        reply = client.execute_interactive("import classroom", timeout=30, output_hook=lambda message: None)
    except TimeoutError:
        return Finding("missing", "kernel", "it started and did not answer within 30 s")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if reply["content"]["status"] != "ok":
        found = f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}"
        return Finding("missing", "kernel", f"it runs another Python than this one, or a broken one: {found}")
    return Finding("ok", "kernel", f"starts and imports classroom in {time.perf_counter() - began:.1f} s")


def loopback() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Finding("ok", "127.0.0.1", "ports can be opened")
    except OSError as error:
        return Finding(
            "without", "127.0.0.1", f"no port can be opened ({error.strerror}): no section goes live"
        )


def memory() -> Finding:
    """Free memory, as Linux tells it: there a container or Binder ends what takes too much."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
        free = int(re.findall(r"MemAvailable:\s+(\d+) kB", told)[0]) / 1e6
    except (OSError, IndexError):
        return Finding("ok", "memory", "not measured on this system")
    if free >= NEEDED_MEMORY:
        return Finding("ok", "memory", f"{free:.1f} GB free")
    return Finding(
        "without",
        "memory",
        f"{free:.1f} GB free; under {NEEDED_MEMORY:g} GB kernels may be ended: close others",
    )


def disk(course: Course) -> Finding:
    free = shutil.disk_usage(course.root).free / 1e9
    if free >= NEEDED_DISK:
        return Finding("ok", "disk", f"{free:.1f} GB free")
    return Finding("without", "disk", f"{free:.2f} GB free: notebooks may not be saved")


def programs() -> Iterator[Finding]:
    for names, use in PROGRAMS.items():
        found = next((path for name in names if (path := shutil.which(name))), None)
        yield (
            Finding("ok", names[0], found)
            if found
            else Finding("without", names[0], f"not found; it is for {use}")
        )


def _wrong(requirements: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The packages that are missing or too old, each with the reason."""
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        if name is None:
            continue
        try:
            version = metadata.version(name[0])
        except metadata.PackageNotFoundError:
            yield name[0], "not installed"
            continue
        oldest = requirement.partition(">=")[2]
        if _number(version) < _number(oldest):
            yield name[0], f"{version} is installed, {oldest} or newer is needed"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
