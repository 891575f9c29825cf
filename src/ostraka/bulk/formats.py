"""Which format and compression a file has: by its suffix, or as told."""

import gzip
import io
import zlib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from ostraka.errors import InvalidInputError, MissingExtraError

with suppress(ImportError):
    import zstandard


class Format(StrEnum):
    """The formats that rows are read from and written to."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    LINES = "lines"


class Compression(StrEnum):
    """How the bytes are packed."""

    NONE = "none"
    GZIP = "gz"
    ZSTD = "zst"


_BY_SUFFIX: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".txt": Format.LINES,
}
_COMPRESSIONS: Final = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}
SUFFIXES: Final = ", ".join(_BY_SUFFIX)
UNPACKING_ERRORS: Final[tuple[type[Exception], ...]] = (
    OSError,
    EOFError,
    zlib.error,
    *((zstandard.ZstdError,) if "zstandard" in globals() else ()),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read or written."""

    format: Format
    compression: Compression = Compression.NONE


def layout_of(path: Path, told: Format | None, *, option: str) -> Layout:
    """The layout of `path`; `option` is what the caller could use to tell the format.

    Raises:
        InvalidInputError: the suffix says nothing, or compressed Parquet.
    """
    compression = _COMPRESSIONS.get(path.suffix.lower(), Compression.NONE)
    inner = path if compression is Compression.NONE else path.with_suffix("")
    found = told or _BY_SUFFIX.get(inner.suffix.lower())
    if found is None:
        raise InvalidInputError(
            f"'{path}' does not tell its format by its suffix ({SUFFIXES}, also with .gz or .zst); "
            f"name it with {option}",
            field=option,
        )
    if found is Format.PARQUET and compression is not Compression.NONE:
        raise InvalidInputError(f"'{path}': Parquet packs its own columns; drop '{path.suffix}'")
    return Layout(found, compression)


def has_data_suffix(name: str) -> bool:
    """Whether `name` looks like the name of a file of rows."""
    path = Path(name)
    inner = path.with_suffix("") if path.suffix.lower() in _COMPRESSIONS else path
    return inner.suffix.lower() in _BY_SUFFIX


def unpacked(raw: BinaryIO, compression: Compression) -> BinaryIO:
    """The unpacked bytes of `raw`; packed files may consist of many members or frames."""
    if compression is Compression.GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if compression is Compression.ZSTD:
        require_zstandard()
        return io.BufferedReader(_ZstandardReader(raw), 2**18)
    return raw


class _ZstandardReader(io.RawIOBase):
    """Every frame of a file. zstandard's own reader takes a cut-off file for a whole one."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._packed = b""
        self._frame: Any = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        content = self._left
        while not content:
            if not self._packed:
                self._packed = self._raw.read(2**16)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle of a frame")
                return 0
            content = self._next()
        size = min(len(target), len(content))
        target[:size] = content[:size]
        self._left = content[size:]
        return size

    def _next(self) -> bytes:
        self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        content = cast(bytes, self._frame.decompress(self._packed))
        self._packed = self._frame.unused_data if self._frame.eof else b""
        if self._frame.eof:
            self._frame = None
        return content


def packed(content: bytes, compression: Compression) -> bytes:
    """`content` as one whole member or frame, so that a file may be cut between two of them."""
    if compression is Compression.GZIP:
        return gzip.compress(content, compresslevel=6, mtime=0)
    if compression is Compression.ZSTD:
        require_zstandard()
        return zstandard.ZstdCompressor().compress(content)
    return content


def require_zstandard() -> None:
    """Say which command installs zstandard, where it is missing."""
    if "zstandard" not in globals():
        raise MissingExtraError("data", "Reading and writing .zst files")
