"""Pydantic's findings as faults: what the author wrote, what belongs there, and an example of it."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, Tag, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from laurel.faults import Fault, Steps, nearest, show, show_path
from laurel.located import Document, Plain

MAX_NAME_CHARACTERS: Final = 400
MAX_ID_CHARACTERS: Final = 255
_KEYS_NAMED: Final = 12
_TAG: Final = "\0"  # begins the tags of a union's members; no key in a file holds it


class Form(BaseModel):
    """A mapping in a file. Its fields' `examples` show authors what to write."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


AnyForm = TypeVar("AnyForm", bound=Form)


def refusal(problem: str, cure: str) -> PydanticCustomError:
    """Refuse a value in our own words: `problem` goes on after the value's path."""
    return PydanticCustomError("refusal", "{problem} {cure}", {"problem": problem, "cure": cure})


def read_form(form: type[AnyForm], document: Document) -> tuple[AnyForm | None, list[Fault]]:
    """Read a document as a form; none if it does not fit."""
    try:
        return form.model_validate(document.data), []
    except ValidationError as error:
        schema = _schema(form)
        found = error.errors(include_url=False, include_input=False)
        return None, [_fault(document, schema, detail) for detail in found]


def tag(name: str) -> Tag:
    """The tag of a member of a union that is told apart by a function, which answers with `tag(…).tag`."""
    return Tag(_TAG + name)


def named(value: Plain) -> str:
    """What an author wrote, in words."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"the number {value}"
        case str():
            return f"the text {show(value)}"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a mapping" if value else "an empty mapping"


def one_of(words: Iterable[str]) -> str:
    """Words as a choice: `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


@cache
def _schema(form: type[Form]) -> dict[str, Any]:
    return form.model_json_schema()


def _not_blank(text: str) -> str:
    if not text.strip():
        raise refusal("is blank.", "Write something in it.")
    return text


NOT_BLANK: Final = AfterValidator(_not_blank)
# What the check above is in JSON Schema. Keys of a mapping go without: pydantic would make `patternProperties` of it.
NOT_BLANK_SCHEMA: Final[dict[str, JsonValue]] = {"pattern": r"\S"}
KEY_SCHEMA: Final[dict[str, JsonValue]] = {"maxLength": MAX_ID_CHARACTERS, **NOT_BLANK_SCHEMA}
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS, json_schema_extra=NOT_BLANK_SCHEMA), NOT_BLANK]
Key = Annotated[str, Field(max_length=MAX_ID_CHARACTERS), NOT_BLANK]
Id = Annotated[Key, Field(json_schema_extra=NOT_BLANK_SCHEMA)]


def _fault(document: Document, schema: dict[str, Any], detail: ErrorDetails) -> Fault:
    path = _without_tags(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(document, schema, path)
        case "missing":
            problem, cure = f"{_owner(path)} has no `{path[-1]}`.", f"Add {_example(schema, path)}."
            return document.fault(path, problem, cure)
        case "refusal":
            context = detail["ctx"]
            return document.fault(path, f"{_owner((*path, ''))} {context['problem']}", context["cure"])
        case kind:
            problem, cure = _wrong(document, kind, path, detail)
            example = cure or f"Write {_example(schema, path)}."
            return document.fault(path, problem, example)


def _wrong(document: Document, kind: str, path: Steps, detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value, and the cure where an example is not the best one."""
    value = document.value(path)
    is_found = f"{_owner((*path, ''))} is {named(value)}"
    context = detail.get("ctx", {})
    match kind:
        case "string_type":
            quoted = f'Write it in quotes: "{document.text(path)}".' if isinstance(value, bool | int | Decimal) else ""
            return f"{is_found}, and must be text.", quoted
        case "int_type":
            return f"{is_found}, and must be a whole number.", ""
        case "list_type":
            return f"{is_found}, and must be a list.", ""
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{is_found}, and must be a mapping of keys to values.", ""
        case "literal_error":
            choices = str(context["expected"]).replace("'", "")
            closest = nearest(value, choices.replace(" or ", ", ").split(", ")) if isinstance(value, str) else None
            return f"{is_found}, and must be {choices}.", f"Did you mean {closest}?" if closest else f"Write {choices}."
        case "greater_than_equal":
            return f"{is_found}, and must be at least {context['ge']}.", ""
        case "less_than_equal":
            return f"{is_found}, and must be at most {context['le']}.", ""
        case "too_short":
            return f"{is_found}, and must have at least {context['min_length']}.", ""
        case "string_too_long":
            return f"{_owner((*path, ''))} has more than {context['max_length']} characters.", "Shorten it."
        case _:
            return f"{_owner((*path, ''))} is not right: {detail['msg']}.", ""


def _unknown_key(document: Document, schema: dict[str, Any], path: Steps) -> Fault:
    key = str(path[-1])
    known = _keys_at(schema, path[:-1], document.value(path[:-1]))
    closest = nearest(key, known)
    cure = f"Did you mean `{closest}`?" if closest else f"The keys here are {', '.join(known[:_KEYS_NAMED])}."
    return document.fault(path, f"{_owner(path)} has an unknown key {show(key)}.", cure, at_key=True)


def _owner(path: Steps) -> str:
    return show_path(path[:-1]) or "The file"


def _without_tags(location: tuple[int | str, ...]) -> Steps:
    """Pydantic puts the tag of a union's member into the path."""
    return tuple(step for step in location if not (isinstance(step, str) and step.startswith(_TAG)))


def _example(schema: dict[str, Any], path: Steps) -> str:
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    for node in _schemas_at(schema, path):
        for example in node.get("examples", ()):
            return f"`{key}: {_flow(example)}`" if isinstance(path[-1], str) else f"`{_flow(example)}`"
    known = ", ".join(_keys_at(schema, path, None)[:_KEYS_NAMED])
    if any(node.get("type") == "array" for node in _schemas_at(schema, path)):
        return f"a list, such as `{key}: [first, second]`"
    if known:
        return f"a mapping with the keys {known}"
    return f"`{key}: …`"


def _flow(example: object) -> str:
    """An example as YAML on one line."""
    match example:
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in example.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(value) for value in example) + "]"
        case str() if re.search(r"[{}\[\]]|: ", example):
            return f'"{example}"'
        case _:
            return str(example)


def _keys_at(schema: dict[str, Any], path: Steps, value: Plain) -> list[str]:
    """The keys that may stand at a path; of a union, those of the members that what was written resembles."""
    candidates = [node["properties"] for node in _schemas_at(schema, path) if "properties" in node]
    alike = [keys for keys in candidates if isinstance(value, dict) and keys.keys() & value.keys()]
    return list(dict.fromkeys(key for keys in alike or candidates for key in keys))


def _schemas_at(schema: dict[str, Any], path: Steps) -> list[dict[str, Any]]:
    nodes = _members(schema, schema)
    for step in path:
        nodes = [member for node in nodes for inner in _inner(node, step) for member in _members(schema, inner)]
    return nodes


def _inner(node: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    inner = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    inner = inner or (node.get("additionalProperties") if isinstance(step, str) else None)
    return [inner] if isinstance(inner, dict) else []


def _members(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema node itself, or what it refers to, or the members of the union that it is."""
    found = [node]
    if "$ref" in node:
        found += _members(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[-1]])
    for member in [*node.get("anyOf", ()), *node.get("oneOf", ())]:
        found += _members(schema, member)
    return found
