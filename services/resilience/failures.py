"""Whose fault is it, and may another try help?

Idea      An answer of 400 to 499 says that the request is wrong: it will be wrong again, and the
          service that said so is well. An answer of 500 and up, or none at all, says nothing about
          the request: another try may do. Retries and breakers ask the same question.
Not here  Whether another try is *safe*: that is idempotence (retry.py).
Mind      No answer is not "no": the work may have been done all the same.
Source    RFC 9110, sections 15.5 (client error) and 15.6 (server error).
"""

from __future__ import annotations

import httpx


def is_transient(error: BaseException) -> bool:
    """Is `error` trouble of the other side or of the way there, which may be over in a moment?

    True for no connection, no answer in time (httpx or built in), and a status of 500 and up. False for
    400 to 499, 429 among them: it asks for fewer requests. (A client that reads Retry-After may come back.)
    False for all that it does not know: a KeyError of our own does not heal.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return isinstance(error, httpx.TransportError | TimeoutError | ConnectionError)


def is_refusal(error: BaseException) -> bool:
    """Did the other side answer, in good health, that the request is wrong (400 to 499)?"""
    return isinstance(error, httpx.HTTPStatusError) and 400 <= error.response.status_code < 500
