"""How `check` tells the grade what it found, by another way than the notebook's output.

Idea      An answer can print "PASS", so what a notebook prints proves nothing. The grade names a
          file in BOP_VERDICTS and hands over a secret, new for each notebook; `report` appends
          one line a check, signed with it. The secret is taken out of the environment when this
          module is first imported, which the grade does before any answer runs.
Not here  What an answer may contain at all (screen.py). Threat model: answers run in the process
          that judges them. This stops what is tried in an idle minute, not a determined attacker;
          for hostile code, run the grade in a container that is thrown away.
Source    HMAC: RFC 2104.
"""

import hashlib
import hmac
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE, SECRET = "BOP_VERDICTS", "BOP_VERDICT_SECRET"
STATUSES = ("passed", "failed", "unfinished")

_secret = os.environ.pop(SECRET, "")
_counter = itertools.count(1)


class Forged(ValueError):
    """A line in the file of verdicts that `report` did not write."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one call of `check` found. promise: the name of the first one broken, or "".

    stages: of an exercise that has some, those that are kept: "A B".
    """

    exercise: str
    status: str
    promise: str = ""
    message: str = ""
    runs: int = 0
    seconds: float = 0.0
    stages: str = ""


def report(
    exercise: str,
    status: str,
    *,
    promise: str = "",
    message: str = "",
    runs: int = 0,
    seconds: float = 0.0,
    stages: str = "",
) -> None:
    """Tell the grade, if one is listening; in a learner's own notebook this does nothing.

    `check` calls it once, after the attack and before it raises.
    status: passed, failed or unfinished; raises ValueError for another.
    runs: of the attack. seconds: it took. message: short, the rest stands in the notebook.
    """
    if status not in STATUSES:
        raise ValueError(f"a verdict is one of {', '.join(STATUSES)}; got {status!r}")
    path = os.environ.get(FILE)
    if not path:
        return
    verdict = Verdict(exercise, status, promise, message[:2000], runs, round(seconds, 3), stages)
    line = asdict(verdict) | {"number": next(_counter)}
    line["token"] = _sign(line, _secret)
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path, secret: str) -> list[Verdict]:
    """The verdicts in their order. Raises Forged for a line that is not signed or out of order."""
    if not path.exists():
        return []
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            line = json.loads(text)
            token = line.pop("token")
            signed = hmac.compare_digest(token, _sign(line, secret))
            if not signed or line.pop("number") != number:
                raise ValueError("not signed, or not in its place")
            found.append(Verdict(**line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Forged(f"verdict {number} was not written by check") from error
    return found


def _sign(line: Mapping[str, Any], secret: str) -> str:
    content = json.dumps(line, sort_keys=True).encode()
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
