"""The OpenAPI document: what FastAPI knows of the routes, and the Trace by its own JSON Schema."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.explain.numeric import NumericStory
from app.trace import contract
from app.web.fixes import FixList


def openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The function that FastAPI calls for its document."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(msgspec.json.schema_components([FixList], ref_template="#/components/schemas/{name}")[1])
            schemas.update(_components(contract.numeric_schema(NumericStory)))
            schemas.update(_components(contract.schema(Diagnosis, Explanation)))
            # FastAPI adds its own form of 422 for every body; ours is a Problem.
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _components(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with `$defs` as entries of an OpenAPI document; the schema itself goes by its title."""
    text = msgspec.json.encode(schema).decode()
    moved: dict[str, Any] = msgspec.json.decode(re.sub(r'"#/\$defs/', '"#/components/schemas/', text))
    parts: dict[str, Any] = moved.pop("$defs", {})
    moved.pop("$schema", None)
    return {**parts, moved["title"]: moved}
