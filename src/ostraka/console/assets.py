"""Static files under addresses that hold a digest of their content.

A page names `console.css`, the browser asks for `/static/console.3f9ac2d17b04.css` and may keep it
for ever: another content has another address. The plain name answers too, to be asked for again
each time. All files are small; they are read and compressed once, at start.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PREFIX: Final = "/static/"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_DIGEST_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    compressed: bytes
    media_type: str
    digest: str


class Assets:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: _read(path) for path in sorted(folder.iterdir())}
        self._addressed = {
            _with_digest(name, file.digest): file for name, file in self._files.items()
        }

    def address(self, name: str) -> str:
        """The path of a file, digest included, for use in pages."""
        return PREFIX + _with_digest(name, self._files[name].digest)

    async def serve(self, request: Request) -> Response:
        """One file, by its address with digest or by its plain name."""
        name = request.path_params["name"]
        file = self._addressed.get(name)
        caching = _FOR_EVER
        if file is None:
            file = self._files.get(name)
            caching = _ASK_AGAIN
        if file is None:
            raise HTTPException(404)
        etag = f'"{file.digest}"'
        headers = {
            "cache-control": caching,
            "etag": etag,
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.content, headers=headers, media_type=file.media_type)
        headers["content-encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        digest=hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS],
    )


def _with_digest(name: str, digest: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}.{digest}{dot}{ending}"
