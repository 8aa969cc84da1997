"""The broker over HTTP: a raw ASGI app, and the client's side of it.

Idea      POST /queues/{name}/{operation} with a JSON object; the answer is a JSON object.
          A refusal is a status and {"error": code, "message": sentence}, which the client
          turns back into the same typed error. An answer that is not whole is NoAnswer:
          no answer is not "no".
          GET /queues lists the queues, GET /queues/{name} shows one. /topics likewise.
          POST /publish, /bind and /unbind take subjects and filters, GET /bindings lists.
Not here  A server and an HTTP client: any ASGI server runs BrokerApp, and any client posts
          for http_call. Authentication: none, so listen on 127.0.0.1.
Source    The ASGI specification 3.0, HTTP and lifespan. Amazon SQS, for a queue over HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from minibroker import operations
from minibroker.arguments import from_json, queue_name, to_json, topic_name
from minibroker.broker import Broker
from minibroker.client import Call
from minibroker.errors import BrokerError, BrokerFault, InvalidArgument, NoAnswer, error_from_code
from minibroker.log_operations import LOG_OPERATIONS, WAITING
from minibroker.operations import OPERATIONS
from minibroker.publisher import Ask

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]  # (path, body) -> (status, body)

STATUS = {
    "invalid_argument": 400,
    "no_such_queue": 404,
    "queue_exists": 409,
    "stale_receipt": 409,
    "queue_full": 507,
    "storage_failed": 507,
    "no_such_topic": 404,
    "topic_exists": 409,
    "offset_out_of_range": 416,
    "out_of_order_sequence": 409,
    "fenced_member": 409,
    "stale_generation": 409,
    "group_not_empty": 409,
}
MAX_BODY = 256 * 1024  # bytes: for long the largest message of Amazon SQS


class _Refused(Exception):
    """A request that is wrong before any queue is asked."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


class _Gone(Exception):
    """The client hung up."""


class BrokerApp:
    """An ASGI 3 app around `broker`. Request bodies above `max_body` bytes are refused with 413."""

    def __init__(self, broker: Broker, *, max_body: int = MAX_BODY) -> None:
        self.broker = broker
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # a websocket: closing before accepting makes the server answer 403
            await send({"type": "websocket.close"})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.broker.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await _reply(send, 200, await self._answer(scope, receive))
        except _Gone:
            pass
        except _Refused as refusal:
            await _reply(send, refusal.status, _error(InvalidArgument.code, refusal), **refusal.headers)
        except BrokerError as error:
            content = {**error.details, **_error(error.code, error)}
            await _reply(send, STATUS.get(error.code, 500), content)
        except Exception:  # a bug: the client learns that much, the server's log all of it
            fault = BrokerFault("the broker failed while doing this; whether it was done is not known")
            await _reply(send, 500, _error(fault.code, fault))
            raise

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        method, path = scope["method"], scope["path"].split("/")
        match path:
            case ["", "queues"]:
                _expect(method, "GET")
                return {"queues": self.broker.queue_names()}
            case ["", "queues", name]:
                _expect(method, "GET")
                return self.broker.snapshot(name).to_json()
            case ["", "queues", name, operation] if operation in OPERATIONS:
                _expect(method, "POST")
                arguments = from_json(await self._body(receive) or b"{}")
                return await self._perform(self.broker.call, name, operation, arguments, receive)
            case ["", "topics"]:
                _expect(method, "GET")
                return {"topics": self.broker.logs.names()}
            case ["", "topics", name]:
                _expect(method, "GET")
                return await self.broker.call_topic(name, "describe", {})
            case ["", "topics", name, operation] if operation in LOG_OPERATIONS:
                _expect(method, "POST")
                arguments = from_json(await self._body(receive) or b"{}")
                return await self._perform(self.broker.call_topic, name, operation, arguments, receive)
            case ["", "bindings"]:
                _expect(method, "GET")
                return {"bindings": self.broker.bindings()}
            case ["", "publish" | "bind" | "unbind" as operation]:
                _expect(method, "POST")
                arguments = from_json(await self._body(receive) or b"{}")
                return await operations.on_subjects(self.broker, operation, arguments)
            case ["", "queues" | "topics" as kind, _, operation]:
                there_are = ", ".join(OPERATIONS if kind == "queues" else LOG_OPERATIONS)
                raise _Refused(404, f"no operation {operation[:40]!r}; there are: {there_are}")
            case _:
                raise _Refused(
                    404, "there are: /queues[/NAME[/OPERATION]], /topics..., /publish, /bind, /bindings"
                )

    async def _perform(
        self, call: Call, name: str, operation: str, arguments: Any, receive: Receive
    ) -> dict[str, Any]:
        """Do it. A long poll ends when its client hangs up: a message must not be leased to nobody."""
        may_wait = operation == "receive" or operation in WAITING
        if not (may_wait and isinstance(arguments, dict) and arguments.get("wait")):
            return await call(name, operation, arguments)
        polling = asyncio.ensure_future(call(name, operation, arguments))
        hanging_up = asyncio.ensure_future(_hang_up(receive))
        try:
            await asyncio.wait({polling, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                raise _Gone
            return polling.result()
        finally:
            polling.cancel()
            hanging_up.cancel()

    async def _body(self, receive: Receive) -> bytes:
        """The whole body, at most max_body bytes of it."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > self.max_body:
                raise _Refused(413, f"a body has at most {self.max_body} bytes; send a link")
            if not message.get("more_body", False):
                return bytes(body)


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _expect(method: str, wanted: str) -> None:
    if method != wanted:
        raise _Refused(405, f"this path takes {wanted}, not {method[:20]}", allow=wanted)


def _error(code: str, error: Exception) -> dict[str, str]:
    return {"error": code, "message": str(error)}


async def _reply(send: Send, status: int, content: dict[str, Any], **headers: str) -> None:
    body = to_json(content).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw_headers})
    await send({"type": "http.response.body", "body": body})


def http_call(post: Post, *, kind: str = "queue") -> Call:
    """A client's `call` over HTTP: `Queue("charges", http_call(post))`; for a Topic say kind="topic".

    `post(path, body)` sends a POST to the broker and returns (status, body). It raises BrokerUnreachable if
    nobody listens there, NoAnswer if no answer came in time. An answer that is not whole, or not the
    broker's (a proxy's, say), is NoAnswer too.
    """

    async def call(name: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        path = f"/{kind}s/{queue_name(name) if kind == 'queue' else topic_name(name)}/{operation}"
        return _answer_in(f"{operation} on {kind} {name!r}", *await post(path, to_json(arguments).encode()))

    return call


def http_ask(post: Post) -> Ask:
    """A publisher's `ask` over HTTP: `Publisher(http_ask(post))`. `post` is as for http_call."""

    async def ask(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return _answer_in(operation, *await post(f"/{operation}", to_json(arguments).encode()))

    return ask


def _answer_in(what: str, status: int, body: bytes) -> dict[str, Any]:
    """The broker's answer, or the error that it told; NoAnswer for what is neither."""
    try:
        answer = from_json(body)
    except InvalidArgument:
        answer = None
    if status == 200 and isinstance(answer, dict):
        return answer
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        raise error_from_code(answer["error"], str(answer.get("message", "")), answer)
    raise NoAnswer(
        f"{what}: status {status} and {len(body)} bytes that are no answer of a broker; "
        f"it may have been done or not"
    )
