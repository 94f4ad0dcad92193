"""A validation error in one line."""

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """A validation error in one line: the key, what was given, what is allowed."""
    # A misspelt key also leaves its right name missing: say the cause before the consequence.
    first, *more = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    either = [each for each in more if first["loc"][-1:] == ("str",) and each["loc"][:-1] == first["loc"][:-1]]
    more = [each for each in more if each not in either]  # a name or a table is allowed: neither is one mistake
    parts, fields = _walk(model, first["loc"])
    where = ".".join(parts) or "the file"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = f"no such key; allowed: {', '.join(fields)}"
    elif first["type"] in ("literal_error", "union_tag_invalid"):
        expected = first["ctx"].get("expected") or first["ctx"].get("expected_tags")
        given = first["input"].get("name") if isinstance(first["input"], dict) else first["input"]
        text = f"{given!r}; allowed: {expected}"
    elif first["type"] in ("model_type", "model_attributes_type", "dict_type"):
        text = f"{first['input']!r}; allowed: a table" + f" of {', '.join(fields)}" * bool(fields)
    elif first["type"] == "string_type":
        text = f"{first['input']!r}; allowed: a string" + " or a table" * bool(either)
    elif first["type"] in ("tuple_type", "list_type"):
        text = f"{first['input']!r}; allowed: a list"
    elif first["type"] == "missing":
        text = "missing"
    elif first["type"] == "value_error":
        text = message
    else:
        text = f"{first['input']!r}: {message}"
    return f"{where}: {text}" + (f" (and {len(more)} more)" if more else "")


def _walk(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[list[str], list[str]]:
    """The keys of an error's location, and the fields of the model that the last key names or is wrong in.

    Tags of unions are left out, and items are counted from 1: ``grid 1``.
    """
    keys, fields, candidates = [], model.model_fields, []
    for part in location:
        tagged = [kind for kind in candidates if getattr(kind.model_fields.get("name"), "default", None) == part]
        if len(candidates) > 1 and tagged:  # a discriminated union puts its tag into the location
            candidates, fields = tagged, tagged[0].model_fields
        elif isinstance(part, int) and keys:
            keys[-1] += f" {part + 1}"
        elif part != "str":  # of the union of a name and a table
            keys.append(str(part))
        if part in fields:
            candidates = _models(fields[part].annotation)
            fields = candidates[0].model_fields if len(candidates) == 1 else {}
    return keys, list(fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation allows, inside unions, tuples and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inside = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return [model for each in inside for model in _models(each)]
