"""What the server's and the console's request handlers share of HTTP."""

from starlette.requests import ClientDisconnect, Request

from ostraka.errors import TooLargeError


async def read_bounded(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes.

    Raises:
        TooLargeError: more bytes than `limit`.
        ClientDisconnect: the caller left before the end.
    """
    for name, declared in request.scope["headers"]:
        if name == b"content-length" and declared.isdigit() and int(declared) > limit:
            raise TooLargeError(f"The request body is larger than {limit} bytes.")
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLargeError(f"The request body is larger than {limit} bytes.")
        more = message.get("more_body", False)
    return b"".join(chunks)
