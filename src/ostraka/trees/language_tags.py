"""Languages by their tags. Pure."""


def canonical(tag: str) -> str:
    """A tag as BCP 47 writes it, `pt-BR` for `PT-br`: whichever way it is sent, it is one language,
    with one queue and one set of limits.
    """
    first, *rest = tag.split("-")
    return "-".join((first.lower(), *map(_further, rest)))


def _further(part: str) -> str:
    if part.isalpha() and len(part) == 2:
        return part.upper()
    return part.title() if part.isalpha() and len(part) == 4 else part.lower()
