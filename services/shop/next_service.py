"""The next service in the chain: it is asked, and waited for.

Idea      A blocking call. Until the next service has answered, which waits for the one after it, nobody
          further up can answer either; and whatever goes wrong down there comes up as an answer.
Failures  are of two kinds. Definite: nobody listens (503), or the next one says no. Indefinite: no answer
          in time (504), or half of one (502); whether it was done is then unknown.
Not here  A deadline for the whole chain, retries, breakers (lessons 04 to 06). Not to wait at all:
          that is a queue.
Source    RFC 9110, "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout".
"""

from typing import Any

import httpx
from fastapi import HTTPException

from services.shop.contracts import Contract


async def pass_on(order: Contract, then: str | None, http: httpx.AsyncClient) -> None:
    """POST the order to the URL `then` and wait for its answer. None: nobody comes next.

    Raises HTTPException: 503, 504 and 502 as above, or the status that the next service answered.
    """
    if then is None:
        return
    service = httpx.URL(then).host
    try:
        response = await http.post(then, json=order.wire())
    except httpx.ConnectError as error:
        raise HTTPException(503, f"{service} is down") from error
    except httpx.TimeoutException as error:
        raise HTTPException(504, f"{service} gave no answer in time: it may have done it") from error
    except httpx.TransportError as error:
        raise HTTPException(502, f"{service} broke off: it may have done it") from error
    if response.is_error:
        raise HTTPException(response.status_code, f"{service}: {_reason(response)}")


def _reason(response: httpx.Response) -> Any:
    """What a FastAPI service says of its error; of anybody else the status."""
    try:
        return response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
