"""The endpoints of a service's side of a saga: POST with a key, and what an answer says.

Idea      The key comes in the header Idempotency-Key, the order in the body; the compensation is another path
          with the same key and body. 200: done, now or before. 409: refused, and remembered. 410: a tombstone
          is there. 422: the key belongs to another request. 423: not now, somebody else's pending work is in
          the way; whoever asks later may be lucky.
Not here  What the keys are for (participant.py).
Source    RFC 9110, "410 Gone"; RFC 4918, "423 Locked"; the IETF draft "The Idempotency-Key HTTP Header
          Field".
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.resilience.idempotency import IdempotencyError, key_of
from services.saga.commands import KEY, Refused, Tombstone

Handle: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]  # (key, body) -> answer


class Locked(Exception):
    """Not now: what is asked for is held by something that is pending."""


def add_command(app: FastAPI, path: str, handle: Handle) -> None:
    """Serve `path`: POST gives handle() the key and the body, and answers what it returns."""

    async def command(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await handle(key_of(request.headers.get(KEY)), await request.json()))
        except json.JSONDecodeError as error:
            return JSONResponse({"detail": f"this body is no JSON: {error}"}, 422)
        except Tombstone as error:
            return JSONResponse({"detail": str(error)}, 410)
        except Refused as error:
            return JSONResponse({"detail": str(error)}, 409)
        except Locked as error:
            return JSONResponse({"detail": str(error)}, 423)
        except IdempotencyError as error:
            return JSONResponse({"detail": str(error)}, error.status)

    # A plain route: FastAPI would look at its signature each time that a world makes this app anew.
    app.add_route(path, command, methods=["POST"])
