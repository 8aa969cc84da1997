"""A command on its way: sent under its key, and what its answer means.

Idea      There are three answers. Done. Refused: the service did nothing and will not, whoever asks again
          under this key. Unknown: no answer, half of one, or "not now"; it may have been done, may still be
          done later, and to ask again under the same key is right.
          What is not clearly a refusal is unknown: who takes a timeout for "no" loses money.
HTTP      2xx is done. 402, 409, 410 and 422 are refused: so a service answers that has looked at the command.
          All else is unknown: 5xx, "not now" (423, 429), but also 404 or 401, which may come from a proxy, or
          from a release that is not up yet, and say nothing of a try before.
Not here  How often it is asked (coordinator.py), what the service does with the key (participant.py).
Source    RFC 9110, sections 15.5 and 15.6; RFC 4918 (423 Locked); RFC 6585 (429). Definite and indefinite
          errors: K. Kingsbury's Maelstrom.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx

KEY = "Idempotency-Key"  # the header that carries it
REFUSALS = (402, 409, 410, 422)  # payment required, conflict, gone, unprocessable


class Refused(Exception):
    """The service did not do it and will not: sold out, the card is declined, a tombstone is there."""


class Tombstone(Refused):
    """It was undone before it came: it is too late for it."""


class Unknown(Exception):
    """Nobody here knows whether it was done. Ask again under the same key."""


# send(to, key, data): returns when `to` has done it. Raises Refused or Unknown, the latter also when it has
# waited for long enough: while it waits, its saga waits.
Send: TypeAlias = Callable[[str, str, Any], Awaitable[None]]


def over_http(http: httpx.AsyncClient) -> Send:
    """Send commands as POST requests to URLs. The client's timeout is how long an answer is waited for."""

    async def send(to: str, key: str, data: Any) -> None:
        try:
            response = await http.post(to, json=data, headers={KEY: key})
        except httpx.TransportError as error:
            raise Unknown(f"{type(error).__name__}: {error}") from error
        if response.is_success:
            return
        why = f"{response.status_code} {_detail(response)}".rstrip()
        if response.status_code in REFUSALS:
            raise Refused(why)
        raise Unknown(why)

    return send


def _detail(response: httpx.Response) -> str:
    """What a FastAPI service says of its error; of anybody else nothing."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return ""
