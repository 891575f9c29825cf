"""When two texts count as the same: case, spacing, punctuation and Unicode form aside."""

import hashlib
import re
import unicodedata
from typing import Final

from ostraka.train.examples import MAX_TEXT_CHARACTERS

# Punctuation by ranges, not `\W`: that would also strip the vowel signs of many scripts.
_IGNORED: Final = re.compile(
    "[\\s!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u205e\u3000-\u303f\uff01-\uff0f]+"
)

_ONLY_KEPT: Final = bytes(32 if _IGNORED.match(chr(byte)) else byte for byte in range(256))
"""The same for bytes of ASCII, which most texts are: several times as fast."""


def normalised(text: str) -> str:
    """`text` without what does not make it another text; itself where nothing would be left."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    folded = text.casefold()
    return _IGNORED.sub(" ", folded).strip() or folded.strip()


def is_usable(text: str) -> bool:
    """Whether a training job takes `text`: there is something in it, and not too much."""
    return len(text) <= MAX_TEXT_CHARACTERS and "\0" not in text and bool(text.strip())


def text_key(text: str) -> bytes:
    """The same 16 bytes for texts that count as the same."""
    return digest(normalised(text))


def usable_key(encoded: bytes) -> bytes | None:
    """The `text_key` of a text in UTF-8; None if a training job would not take it."""
    if len(encoded) <= MAX_TEXT_CHARACTERS and encoded.isascii() and b"\0" not in encoded:
        words = encoded.lower().translate(_ONLY_KEPT).split()
        if words:
            return hashlib.blake2b(b" ".join(words), digest_size=16).digest()
    text = encoded.decode("utf-8")
    return text_key(text) if is_usable(text) else None


def digest(text: str) -> bytes:
    """16 bytes that tell `text` from any other."""
    raw = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).digest()
