"""Undo what people do to slip past a filter, before any assessor reads the text.

Training and serving call the same function, so a model never meets a spelling that it could not
have seen. What is undone: letter case, compatibility forms and accents used as decoration,
look-alike letters of other scripts, zero-width characters, l33t spelling inside words, letters
s p a c e d out, and loooong letters. Emoji become their Unicode names, because word pieces
know "monkey" but not the picture.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ELONGATED: Final = re.compile(r"([^\W\d_])\1{2,}|([!?.*\-_=~])\2{3,}")
_SPACED: Final = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .\-_*]{1,2}[^\W\d_](?![^\W_])){3,}")
_SPACED_GAP: Final = re.compile(r"[ .\-_*]")
_LEET_WORD: Final = re.compile(r"(?<![\w$@!|])[a-z0-9$@!|+]*[a-z][a-z0-9$@!|+]*(?![\w$@|])")
_LEET_SIGN: Final = re.compile(r"[0-9$@!|+](?=[a-z])|(?<=[a-z])[0-9$@](?=[a-z$@!]|$)")
_PLAIN_WITH_DIGITS: Final = re.compile(r"[$+!|]*[a-z]*\d*[a-z]*|\d+[a-z]+\d*|@.*")
_INNER_DIGIT: Final = re.compile(r"[a-z]\d[a-z]")
_LEET: Final = str.maketrans("013457$@!|+", "oieastsailt")
# Cheap tests that most texts fail, so that they skip the costly patterns above. For ASCII there are
# some without patterns: to try one takes memory from the heap, slow where a process lives long.
_HAS_RUN: Final = re.compile(r"(.)\1\1")
_HAS_SPACED: Final = re.compile(r"[ .\-_*]\w[ .\-_*]{1,2}\w[ .\-_*]")
_SHAPES: Final = bytes(
    ord(" ") if chr(byte) in " .-_*" else ord("a" if chr(byte).isalpha() else "0")
    for byte in range(256)
)
_HAS_SIGN: Final = re.compile(r"[0-9$@!|+]")
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")

_LOOK_ALIKES: Final = str.maketrans(
    {
        look_alike: latin
        for latin, look_alikes in {
            "a": "аɑα", "b": "вьʙ", "c": "сϲ", "d": "ԁđ", "e": "еεє", "g": "ɡɢ", "h": "һнħʜ",
            "i": "іїιıɪ", "j": "ј", "k": "кκ", "l": "łʟ", "m": "мʍ", "n": "пηɴ", "o": "оοø",
            "p": "рρ", "q": "ԛ", "r": "гʀ", "s": "ѕ", "t": "тτ", "u": "υ", "v": "ν",
            "w": "ԝωш", "x": "хχ", "y": "уγʏ", "z": "ᴢ",
        }.items()
        for look_alike in look_alikes
    }
)  # fmt: skip


@lru_cache(maxsize=8192)
def _spell(character: str) -> str:
    """A character that is not ASCII, as the models should read it."""
    kind = unicodedata.category(character)
    if kind == "Mn":
        return ""
    if kind in ("So", "Sk"):
        name = unicodedata.name(character, "").lower().replace("-", " ")
        return f" {name} " if name and "variation" not in name else " "
    return character


def normalize(text: str) -> str:
    """The form of `text` that assessors read: lower case, plain letters, single spaces.

    Total and deterministic: every string has a normal form, and `normalize` of a normal form is
    cheap. Letters of scripts other than Latin are kept unless they stand inside Latin words.
    """
    if not text.isascii():
        text = _fold(text)
    text = " ".join(text.lower().split())
    if _may_have_run(text):
        text = _ELONGATED.sub(r"\1\1\2\2", text)
    if _may_be_spaced(text):
        text = _SPACED.sub(lambda match: _SPACED_GAP.sub("", match.group()), text)
    if _HAS_SIGN.search(text) and _LEET_SIGN.search(text):
        text = _LEET_WORD.sub(_unleet, text)
    return text


def _may_have_run(text: str) -> bool:
    """False where no character stands three times in a row."""
    if not text.isascii():
        return _HAS_RUN.search(text) is not None
    # Beside itself moved by one, a byte that equals its neighbour leaves zero.
    number = int.from_bytes(text.encode())
    return b"\0\0" in (number ^ (number >> 8)).to_bytes(len(text))


def _may_be_spaced(text: str) -> bool:
    """False where no two letters stand alone one after the other."""
    if not text.isascii():
        return _HAS_SPACED.search(text) is not None
    shape = text.encode().translate(_SHAPES)
    return b" a a " in shape or b" a  a " in shape


def _fold(text: str) -> str:
    text = _INVISIBLE.sub("", text)
    text = unicodedata.normalize("NFKD", text)
    text = _NOT_ASCII.sub(lambda match: _spell(match.group()), text)
    return " ".join(_unmask_script(word) for word in text.split(" "))


def _unmask_script(word: str) -> str:
    """Look-alike letters become Latin where the word has Latin letters too, or nothing else."""
    if word.isascii():
        return word
    folded = word.lower().translate(_LOOK_ALIKES)
    mixed = any("a" <= character <= "z" for character in word.lower())
    return folded if mixed and folded.isascii() else word


def _unleet(match: re.Match[str]) -> str:
    word = match.group()
    if word.isalpha() or _is_plain(word):
        return word
    if word.endswith("!"):
        return word[:-1].translate(_LEET) + "!"
    return word.translate(_LEET)


def _is_plain(word: str) -> bool:
    """Words such as mp3, covid19, 5pm and @name keep their digits; k1ll and 1d10t do not."""
    return bool(_PLAIN_WITH_DIGITS.fullmatch(word)) and not _INNER_DIGIT.search(word)
