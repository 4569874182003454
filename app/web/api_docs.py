"""The OpenAPI document as a page reads it: operations, and the shapes that they send and take.

Swagger UI was tried: it needs an exception in the content security policy for its images, nests buttons in
buttons, and brings a second <main>. What is here needs no script.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from app.web.views import PageView

METHODS = ("get", "post", "put", "patch", "delete")
JSON_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
_PREFIX = "#/components/schemas/"

Schema = Mapping[str, Any]


class Words(Struct, frozen=True, kw_only=True):
    """A piece of a type: words, code, or the name of a shape to link to."""

    text: str
    shape: bool = False
    code: bool = False


class Field(Struct, frozen=True, kw_only=True):
    """One key of a JSON object."""

    name: str
    kind: tuple[Words, ...]
    optional: bool
    about: str


class Shape(Struct, frozen=True, kw_only=True):
    """One of the document's schemas."""

    name: str
    about: str
    kind: tuple[Words, ...]  # of one that is no object
    fields: tuple[Field, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """One response of an operation."""

    status: str
    about: str
    kind: tuple[Words, ...]
    headers: tuple[tuple[str, str], ...]


class ApiOperation(Struct, frozen=True, kw_only=True):
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    body: tuple[Words, ...]
    answers: tuple[Answer, ...]


class Document(Struct, frozen=True, kw_only=True):
    """The whole of it; `shapes` are in the order in which the operations lead to them."""

    operations: tuple[ApiOperation, ...]
    shapes: tuple[Shape, ...]


class ApiView(PageView, frozen=True, kw_only=True):
    """The page of the API."""

    document: Document
    origin: str  # where this server was reached


def read_document(openapi: Schema) -> Document:
    """The parts of an OpenAPI 3.1 document that a page shows."""
    operations = tuple(
        _operation(method, path, item[method])
        for path, item in openapi["paths"].items()
        for method in METHODS
        if method in item
    )
    schemas: Schema = openapi.get("components", {}).get("schemas", {})
    names: dict[str, None] = {}
    for operation in operations:
        for kind in (operation.body, *(answer.kind for answer in operation.answers)):
            _follow(kind, schemas, names)
    return Document(operations=operations, shapes=tuple(_shape(name, schemas[name]) for name in names))


def _follow(kind: tuple[Words, ...], schemas: Schema, names: dict[str, None]) -> None:
    """Add the shapes that `kind` names, and those that they name, to `names`."""
    for words in kind:
        if words.shape and words.text not in names and words.text in schemas:
            names[words.text] = None
            shape = _shape(words.text, schemas[words.text])
            for each in (shape.kind, *(field.kind for field in shape.fields)):
                _follow(each, schemas, names)


def _operation(method: str, path: str, given: Schema) -> ApiOperation:
    body = given.get("requestBody", {}).get("content", {})
    return ApiOperation(
        id=given["operationId"],
        method=method.upper(),
        path=path,
        summary=given.get("summary", ""),
        about=given.get("description", ""),
        body=next((_kind(media["schema"]) for media in body.values()), ()),
        answers=tuple(_answer(status, answer) for status, answer in given["responses"].items()),
    )


def _answer(status: str, given: Schema) -> Answer:
    return Answer(
        status=status,
        about=given.get("description", ""),
        kind=next((_kind(media.get("schema", {})) for media in given.get("content", {}).values()), ()),
        headers=tuple((name, header.get("description", "")) for name, header in given.get("headers", {}).items()),
    )


def _shape(name: str, schema: Schema) -> Shape:
    required = schema.get("required", ())
    fields = tuple(
        Field(name=key, kind=_kind(value), optional=key not in required, about=value.get("description", ""))
        for key, value in schema.get("properties", {}).items()
    )
    about = schema.get("description", "").partition("\n\n")[0]
    return Shape(name=name, about=about, kind=() if fields else _kind(schema), fields=fields)


def _kind(schema: Schema) -> tuple[Words, ...]:
    return tuple(_words(schema))


def _words(schema: Schema) -> Iterator[Words]:
    """A JSON Schema in words; bounds and patterns are left to the document itself."""
    either = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if "$ref" in schema:
        yield Words(text=schema["$ref"].removeprefix(_PREFIX), shape=True)
    elif either:
        yield from _joined(either)
    elif "const" in schema or "enum" in schema:
        for index, value in enumerate(schema.get("enum") or [schema["const"]]):
            if index:
                yield Words(text=" or ")
            yield Words(
                text="null" if value is None else f'"{value}"' if isinstance(value, str) else str(value), code=True
            )
    elif isinstance(schema.get("type"), list):
        yield from _joined([{**schema, "type": each} for each in schema["type"]])
    elif schema.get("type") == "array":
        yield Words(text="list of ")
        items = schema.get("items") or schema.get("prefixItems")
        yield from _joined(items) if isinstance(items, list) else _words(items or {})
    elif schema.get("type") == "object":
        yield Words(text="object")
        if isinstance(values := schema.get("additionalProperties"), dict) and values:
            yield Words(text=" of ")
            yield from _words(values)
    else:
        yield Words(text=JSON_TYPES.get(schema.get("type", ""), "anything"))


def _joined(schemas: list[Schema]) -> Iterator[Words]:
    for index, schema in enumerate(schemas):
        if index:
            yield Words(text=" or ")
        yield from _words(schema)
