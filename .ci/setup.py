"""Make .venv and install the course into it: what `make setup` does, for those without make too.

    python3 .ci/setup.py

Idea      A virtual environment by `python -m venv`, filled by uv because it takes seconds, or
          by pip where uv cannot be had. A stamp in .venv holds a digest of what was installed
          from; while that is unchanged there is nothing to do, and nothing is asked of a network.
          A digest and no file times, which git sets anew at each checkout.
Not here  Which packages: pyproject.toml lists them and requirements.lock pins them.

It lives in .ci/, since the build machine calls it too, and not in a package, since it runs
before anything is installed. Standard library only, and no syntax newer than Python 3.6, so
that an old Python is told so instead of stumbling. Environment variables:

    PYTHON   the interpreter that make was told to use; if .venv has another version, it is made anew
    EXTRAS   the extras of pyproject.toml to install, by default "dev"; "dev,engines" for lesson 19,
             "dev,otlp" to send spans to a collector
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed"
LOCK = ROOT / "requirements.lock"
NEEDED = (3, 11)
EXTRAS = os.environ.get("EXTRAS", "dev")


def check_interpreter():
    """Stop with a sentence that says what is missing and how to get it."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < NEEDED:
        here = [name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)]
        sys.exit(
            f"The course needs Python {NEEDED[0]}.{NEEDED[1]} or newer; {sys.executable} is {found}.\n"
            + (f"This machine also has {here[0]}:" if here else "When there is another one, name it:")
            + f"  PYTHON={here[0] if here else 'python3.12'} make setup"
        )
    try:
        import ensurepip  # noqa: F401  Debian and Ubuntu ship these two apart from Python
        import venv  # noqa: F401
    except ImportError as missing:
        sys.exit(
            f"{sys.executable} ({found}) cannot make virtual environments: no module {missing.name}.\n"
            f"On Debian or Ubuntu:  sudo apt install python3-venv   (or python{found.rsplit('.', 1)[0]}-venv)"
        )


def stamp():
    """What the environment is a function of: a digest, and the folder, whose path its scripts hold."""
    parts = [path.read_bytes() for path in (Path(__file__), ROOT / "pyproject.toml", LOCK) if path.exists()]
    return f"{hashlib.sha256(EXTRAS.encode() + b''.join(parts)).hexdigest()} {ROOT}"


def read_stamp():
    return STAMP.read_text(encoding="utf-8") if STAMP.exists() else ""


def venv_version():
    """(major, minor) of .venv's Python, or None where there is no such environment, or a broken one."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        settings = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
        return tuple(map(int, settings["version"].split(".")[:2])) if PYTHON.exists() else None
    except (OSError, KeyError, ValueError):
        return None


def run(*command):
    """True if the command succeeded. Its output is the reader's to see."""
    return subprocess.call([str(word) for word in command], cwd=str(ROOT)) == 0


def unfit():
    """Why .venv cannot be used as it is, or None. One that somebody made by hand can."""
    version, root = venv_version(), read_stamp().partition(" ")[2]
    if version is None:
        return "is broken"
    if version < NEEDED or ("PYTHON" in os.environ and version != sys.version_info[:2]):
        return "has Python {}.{}".format(*version)
    if root not in ("", str(ROOT)):
        return f"was made in {root}"
    return None


def install():
    """Install the package, editable, with its extras: by uv, else by pip."""
    what = ["--editable", f".[{EXTRAS}]"]
    if LOCK.exists():
        what += ["--constraint", LOCK.name]
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
    if not sys.stderr.isatty():
        uv.append("--quiet")
    if run(*pip, *what[2:], "uv") and run(*uv, *what):
        return
    print("setup: uv could not do it; trying plain pip, which takes longer", flush=True)
    if not run(*pip, *what):
        sys.exit(
            "setup: the packages could not be installed; the reason stands above.\n"
            "Without a network nothing can be fetched; behind a proxy, set HTTPS_PROXY and try again."
        )


def main():
    check_interpreter()
    why, wanted = unfit(), stamp()
    if why is None and read_stamp() == wanted:
        return
    began = time.monotonic()
    if VENV.exists() and why:
        print(f"setup: {VENV.name} {why}; making it anew", flush=True)
    print(f"setup: installing the course into {VENV.name} ...", flush=True)
    if STAMP.exists():
        STAMP.unlink()
    works = why is None and run(PYTHON, "-c", "import pip")
    if not works and not run(sys.executable, "-m", "venv", "--clear", VENV):
        sys.exit(f"setup: {sys.executable} -m venv failed; the reason stands above.")
    install()
    STAMP.write_text(wanted, encoding="utf-8")
    print(f"setup: done in {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
