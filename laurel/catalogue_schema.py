"""The JSON Schema of the catalogue file, made of the forms by which it is read."""

import json
from typing import Any

from laurel.catalogue_file import CatalogueForm


def catalogue_schema() -> dict[str, Any]:
    """The JSON Schema by which editors complete and check a catalogue."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Laurel catalogue",
        **_untitled(CatalogueForm.model_json_schema()),
    }


def dump_schema() -> str:
    """The schema as a file holds it."""
    return json.dumps(catalogue_schema(), indent=2, ensure_ascii=False) + "\n"


def _untitled(schema: Any) -> Any:
    """A schema without the titles that pydantic makes up of the names in our code."""
    match schema:
        case dict():
            return {key: _untitled(inner) for key, inner in schema.items() if key != "title"}
        case list():
            return [_untitled(inner) for inner in schema]
        case _:
            return schema
