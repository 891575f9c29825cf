"""What the server's and the console's request handlers share of HTTP."""

from starlette.requests import Request

from ostraka.errors import TooLargeError


async def read_bounded(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is known to be larger than `limit` bytes.

    Raises:
        TooLargeError: more bytes than `limit`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError(f"The request body is larger than {limit} bytes.")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"The request body is larger than {limit} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)
