"""A browser's own description of itself, in two words."""

from typing import Final

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_name(described: str) -> str:
    """Such as `Firefox on Linux`; browsers claim to be others too, so the order counts."""
    browser = next((name for sign, name in _BROWSERS if sign in described), "Another browser")
    system = next((name for sign, name in _SYSTEMS if sign in described), "")
    return f"{browser} on {system}" if system else browser
