"""The fields that bodies of Mistral's dialect share, checked one way for all of its paths."""

from collections.abc import Mapping
from typing import Any

from ostraka.errors import FieldProblem, InvalidFieldsError, InvalidInputError


def required(body: Mapping[str, Any], field: str) -> Any:
    """The value of a field.

    Raises:
        InvalidFieldsError: it is missing.
    """
    if field not in body:
        raise InvalidFieldsError([FieldProblem("missing", ("body", field), "Field required")])
    return body[field]


def wrong_type(value: Any, valid: str, field: str, code: str | None = None) -> InvalidInputError:
    """`valid` says what the value of `field` should be; null is named, since it is easily sent."""
    message = f"Input should be {valid}{', not null' if value is None else ''}"
    return InvalidInputError(message, field=field, code=code)


def model_of(body: Mapping[str, Any]) -> str:
    """The name of the model that is asked.

    Raises:
        InvalidFieldsError: none is named.
        InvalidInputError: it is no string, or an empty one.
    """
    model = required(body, "model")
    if not isinstance(model, str):
        raise wrong_type(model, "a valid string", "model", "string_type")
    if not model:
        raise InvalidInputError(
            "String should have at least 1 character", field="model", code="string_too_short"
        )
    return model


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """The texts of `input`; a single one may stand without a list.

    Raises:
        InvalidFieldsError: there is no input.
        InvalidInputError: it is not of strings.
    """
    value = required(body, "input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or set(map(type, texts)) != {str}:
        raise wrong_type(value, "a string or a non-empty list of strings", "input")
    return texts
