"""The floor of a route: read and decode the body, answer a constant, in Starlette and msgspec.

python -m benchmarks.constant PORT ANSWER.json
"""

import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def application(answer: object) -> Starlette:
    """Answers every body with `answer`, encoded anew each time."""

    async def moderations(request: Request) -> Response:
        _decode(await request.body())
        return Response(_encode(answer), media_type="application/json")

    return Starlette(routes=[Route("/v1/moderations", moderations, methods=["POST"])])


if __name__ == "__main__":
    port, file = sys.argv[1:]
    uvicorn.run(
        application(_decode(Path(file).read_bytes())),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
    )
