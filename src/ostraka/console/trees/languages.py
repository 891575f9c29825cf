"""The languages that contributors choose from, in their own names."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ar": "العربية",
        "bg": "Български",
        "bn": "বাংলা",
        "ca": "Català",
        "cs": "Čeština",
        "da": "Dansk",
        "de": "Deutsch",
        "el": "Ελληνικά",
        "en": "English",
        "eo": "Esperanto",
        "es": "Español",
        "eu": "Euskara",
        "fa": "فارسی",
        "fi": "Suomi",
        "fr": "Français",
        "gl": "Galego",
        "he": "עברית",
        "hi": "हिन्दी",
        "hu": "Magyar",
        "id": "Bahasa Indonesia",
        "it": "Italiano",
        "ja": "日本語",
        "ko": "한국어",
        "ms": "Bahasa Melayu",
        "nb": "Norsk bokmål",
        "nl": "Nederlands",
        "pl": "Polski",
        "pt": "Português",
        "pt-BR": "Português do Brasil",
        "ro": "Română",
        "ru": "Русский",
        "sk": "Slovenčina",
        "sv": "Svenska",
        "th": "ไทย",
        "tr": "Türkçe",
        "uk": "Українська",
        "vi": "Tiếng Việt",
        "zh": "中文",
    }
)
DEFAULT: Final = "en"


def language_name(code: str) -> str:
    """A language by its own name; one that is not known by its code."""
    return LANGUAGES.get(code, code)


def choices(further: Iterable[str] = ()) -> list[tuple[str, str]]:
    """What can be chosen: code and name, with further languages that there are trees in."""
    codes = {*LANGUAGES, *further}
    return sorted(((code, language_name(code)) for code in codes), key=lambda pair: pair[1])


def preferred(header: str, known: Iterable[str] = LANGUAGES) -> str:
    """The first language of an `Accept-Language` header that there is."""
    codes = {code.casefold(): code for code in known}
    weighed = []
    for place, part in enumerate(header.split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        weighed.append((-weight, place, name.strip().casefold()))
    for _, _, name in sorted(weighed):
        found = codes.get(name) or codes.get(name.partition("-")[0])
        if found:
            return found
    return DEFAULT
