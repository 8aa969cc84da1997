"""HTTP over a world's network, simulated or live: the transport beneath an ordinary httpx client."""

import httpx

from classroom.world.network import Network, NoAnswerInTime, Refused, Request, Reset
from classroom.world.process import Process


class WorldTransport(httpx.AsyncBaseTransport):
    """Sends a client's requests as exchanges, and its failures as httpx's own errors.

    ConnectError: nobody listened. ReadError: the callee died. ReadTimeout: no answer in time.
    """

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        timeout = request.extensions.get("timeout", {}).get("read")
        headers = tuple((name.lower(), value) for name, value in request.headers.raw)  # as ASGI wants them
        message = Request(request.method, request.url.raw_path.decode(), headers, body)
        try:
            reply = await self._network.exchange(self._process, request.url.host, message, timeout=timeout)
        except Refused as error:
            raise httpx.ConnectError(str(error), request=request) from None
        except Reset as error:
            raise httpx.ReadError(str(error), request=request) from None
        except NoAnswerInTime as error:
            raise httpx.ReadTimeout(str(error), request=request) from None
        return httpx.Response(reply.status, headers=list(reply.headers), content=reply.body)
