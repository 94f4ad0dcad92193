"""A validation error in one line."""

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """A validation error in one line: the key, what was given, what is allowed."""
    # A misspelt key also leaves its right name missing: say the cause before the consequence.
    first, *more = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    parts, fields = _walk(model, first["loc"])
    where = ".".join(parts) or "the file"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = f"no such key; allowed: {', '.join(fields)}"
    elif first["type"] in ("literal_error", "union_tag_invalid"):
        expected = first["ctx"].get("expected") or first["ctx"].get("expected_tags")
        given = first["input"].get("name") if isinstance(first["input"], dict) else first["input"]
        text = f"{given!r}; allowed: {expected}"
    elif first["type"] == "missing":
        text = "missing"
    elif first["type"] == "value_error":
        text = message
    else:
        text = f"{first['input']!r}: {message}"
    return f"{where}: {text}" + (f" (and {len(more)} more)" if more else "")


def _walk(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[list[str], list[str]]:
    """The keys of an error's location, without the tags of unions; and the fields of the model that the last is in."""
    keys, fields, candidates = [], model.model_fields, []
    for place, part in enumerate(location):
        tagged = [kind for kind in candidates if getattr(kind.model_fields.get("name"), "default", None) == part]
        if len(candidates) > 1 and tagged:  # a discriminated union puts its tag into the location
            candidates, fields = tagged, tagged[0].model_fields
            continue
        keys.append(str(part))
        if part in fields and place < len(location) - 1:
            candidates = _models(fields[part].annotation)
            fields = candidates[0].model_fields if len(candidates) == 1 else fields
    return keys, list(fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation allows, inside unions, tuples and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inside = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return [model for each in inside for model in _models(each)]
