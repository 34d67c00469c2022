"""What people write, as typed models: a schema's types for text, and one sentence for what does not fit.

    typed(Model, node, "lab.yaml")    -> a Written model; what does not fit is an InputError with line and nearest word

Apart from `yamltext`, so that who only reads scenarios does not load the schema library.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from kextrel import yamltext
from kextrel.errors import InputError, nearest
from kextrel.yamltext import Node

__all__ = ["Amount", "Flag", "Url", "Whole", "Written", "typed"]


def _flag(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError(f"'{value}' is neither true nor false")
    return value == "true" if isinstance(value, str) else value


def _whole(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError(f"'{value}' is not a whole number")
    return int(value) if isinstance(value, str) else value


def _amount(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", value):
        raise ValueError(f"'{value}' is not a number")
    return float(value) if isinstance(value, str) else value


def _url(value: object) -> object:
    """http or https, without a user, a password or a query in it; it is not quoted, for it may hold one."""
    if isinstance(value, str):
        parts = _split(value)
        if parts is not None and (parts.username is not None or parts.password is not None):
            raise ValueError("a password in clear is refused here: take it out of the URL, into 'password:'")
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as http://pikvm.lab is wanted")
        if "?" in value or "#" in value:
            raise ValueError(
                "an address such as http://pikvm.lab is wanted, without a query; what is secret has its key"
            )
    return value


def _split(url: str) -> SplitResult | None:
    """None for what is no URL, such as http://[::1 or a port of six digits; urllib's error would quote it."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port >= 0 else None
    except ValueError:
        return None


Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[float, BeforeValidator(_amount)]
Url = Annotated[str, BeforeValidator(_url)]


class Written(BaseModel):
    """A frozen model of something that people write; a key that it does not know is an error with the nearest one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, value: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value if isinstance(value, dict) else ():
            if key not in known:
                said = {"key": str(key), "hint": nearest(str(key), known)}
                raise PydanticCustomError("unknown_key", "the key '{key}' is not known here", said)
        return value


_Model = TypeVar("_Model", bound=BaseModel)


def typed(model: type[_Model], node: Node, path: str) -> _Model:
    """`node` as a `model`. Raises InputError for the first thing that does not fit, with its line."""
    try:
        return model.model_validate(yamltext.plain(node))
    except ValidationError as error:
        raise _complaint(error.errors(include_url=False)[0], node, path) from None


_SHAPES = {
    "dict_type": "keys and values",
    "list_type": "a list",
    "mapping_type": "keys and values",
    "model_attributes_type": "keys and values",
    "model_type": "keys and values",
    "string_type": "one word or text",
    "tuple_type": "a list",
}


_BOUNDS = {
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be {ge} or more",
    "less_than_equal": "it must be {le} or less",
    "too_short": "at least {min_length} is needed here",
}


def _complaint(detail: ErrorDetails, node: Node, path: str) -> InputError:
    """One sentence from pydantic's first complaint. What was written is quoted only where it should be a known word."""
    context, kind = detail.get("ctx", {}), detail["type"]
    where, what, hint = detail["loc"], detail["msg"], ""
    if kind == "unknown_key":
        return InputError(what, path=path, line=yamltext.line_at(node, (*where, context["key"])), hint=context["hint"])
    if kind == "missing":
        where, what = where[:-1], f"the key '{where[-1]}' is missing"
    elif kind == "union_tag_not_found":
        tag = str(context["discriminator"]).strip("'")
        what = f"the key '{tag}' is missing"
        if mistyped := get_close_matches(tag, map(str, detail["input"]), n=1, cutoff=0.5):
            what, hint = f"the key '{mistyped[0]}' is not known here", nearest(mistyped[0], [tag])
            return InputError(what, path=path, line=yamltext.line_at(node, (*where, mistyped[0])), hint=hint)
    elif kind in ("literal_error", "enum", "union_tag_invalid"):
        where, what, hint = _unknown_word(detail)
    elif kind in _SHAPES:
        what = f"{_SHAPES[kind]} should be here"
    elif kind in _BOUNDS:
        what = _BOUNDS[kind].format(**context)
    elif "error" in context:
        what = str(context["error"])
    return InputError(_named(node, where) + what, path=path, line=yamltext.line_at(node, where), hint=hint)


def _unknown_word(detail: ErrorDetails) -> tuple[tuple[int | str, ...], str, str]:
    context, where = detail.get("ctx", {}), detail["loc"]
    known = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags")))
    word = str(context.get("tag", detail["input"]))
    if "tag" in context:
        where = (*where, str(context["discriminator"]).strip("'"))
    return where, f"'{word}' is not known here", nearest(word, known)


def _named(node: Node, where: tuple[int | str, ...]) -> str:
    """`macs.mini.wires: ` for those parts of `where` that are in the file."""
    names = []
    for part in where:
        step = yamltext.step(node, part)
        if step is not None:
            names.append(str(part))
            node = step[1]
    return f"{'.'.join(names)}: " if names else ""
