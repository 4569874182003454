"""The public JSON form of a Trace: what `POST /api/v1/traces` answers, and its JSON Schema.

It is the Trace itself, with three differences: `schema` names the version, `diagnoses` are added, and
the contents of a tensor are nested lists (`values`), as `Tensor.tolist()` gives them.
"""

import ast
import inspect
import io
import tokenize
from collections.abc import Mapping, Sequence
from math import prod
from types import ModuleType
from typing import Any

import msgspec
from msgspec import Struct

from app.trace import model, numeric
from app.trace.model import SCHEMA, Content, Packing, Reference, Scalar, Storage, Trace, Values
from app.trace.numeric import Numeric
from app.trace.packing import unpack

_EMPTY_LISTS = 1_000
NUMERIC_SCHEMA = "tapescope.numeric/1"
Json = Any  # what json.dumps takes; a recursive type would only move the casts


def public(
    trace: Trace, diagnoses: Sequence[Struct], reference: Reference | None = None, error_explained: Struct | None = None
) -> dict[str, Json]:
    """`trace` and what explains it, as plain JSON values. Non-finite numbers are "nan", "inf", "-inf"."""
    body = {"schema": SCHEMA, **_plain(trace), "diagnoses": _plain(diagnoses)}
    body["reference"] = None if reference is None else _plain(reference)
    body["error_explained"] = _plain(error_explained)
    return body


def plain(thing: Struct) -> dict[str, Json]:
    """Something else that has parts of a Trace, in the same form."""
    body: dict[str, Json] = _plain(thing)
    return body


def public_numeric(checked: Numeric, told: Struct) -> dict[str, Json]:
    """A numeric check and what is `told` of it, as plain JSON values."""
    return {"schema": NUMERIC_SCHEMA, **_plain(checked), "explanation": _plain(told)}


def _plain(thing: object) -> Json:
    if isinstance(thing, Values):
        return {
            "shape": list(thing.shape),
            "dtype": thing.dtype,
            "values": None if thing.flat is None else nested(thing.flat, thing.shape),
            "summary": _plain(thing.summary),
        }
    if isinstance(thing, Storage):
        return {
            field: [_content(content, thing.packing) for content in thing.contents]
            if field == "contents"
            else _plain(getattr(thing, field))
            for field in thing.__struct_fields__
            if field != "packing"
        }
    if isinstance(thing, Struct):
        return {field: _plain(getattr(thing, field)) for field in thing.__struct_fields__}
    if isinstance(thing, Mapping):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    return thing


def _content(content: Content, packing: Packing) -> Json:
    """`content` with its cells as numbers."""
    kept = content.cells or content.resized
    return {
        "moment": content.moment,
        "start": content.start,
        "values": _plain(unpack(content.cells, packing)) if kept else None,
        "summary": _plain(content.summary),
        "resized": content.resized,
    }


def nested(flat: Sequence[Scalar], shape: Sequence[int]) -> Json:
    """`flat`, row-major, as lists within lists of `shape`; a bare number for shape ()."""
    if not shape:
        number = flat[0] if flat else None
        return list(number) if isinstance(number, tuple) else number
    if not flat and prod(size or 1 for size in shape) > _EMPTY_LISTS:
        return []  # however many empty lists a shape like (1000000, 0) asks for
    each = len(flat) // shape[0] if shape[0] else 0
    return [nested(flat[index * each : (index + 1) * each], shape[1:]) for index in range(shape[0])]


def described(module: ModuleType) -> dict[str, dict[str, str]]:
    """What a model says of each key in the comment behind it, by class and field."""
    source = inspect.getsource(module)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.line.strip() != token.string
    }
    return {
        node.name: {
            item.target.id: comments[item.end_lineno or 0]
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.end_lineno in comments
        }
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
    }


def _with(kind: dict[str, Json], description: str) -> dict[str, Json]:
    """`kind` with what it holds: a reference takes no other keys beside it in every reader of schemas."""
    text = description[:1].upper() + description[1:]
    return {"allOf": [kind], "description": text} if "$ref" in kind else {**kind, "description": text}


def _describe(components: dict[str, Json], module: ModuleType) -> None:
    """Give the keys in `components` the words that `module` has for them."""
    for name, fields in described(module).items():
        for field, description in fields.items():
            if field in components.get(name, {}).get("properties", {}):
                components[name]["properties"][field] = _with(components[name]["properties"][field], description)


def numeric_schema(told: type[Struct]) -> dict[str, Json]:
    """The JSON Schema of what `public_numeric` gives, for words of the type `told`."""
    (_, words), components = msgspec.json.schema_components([Numeric, told], ref_template="#/$defs/{name}")
    for module in (model, numeric):
        _describe(components, module)
    body = components.pop("Numeric")
    properties = {
        "schema": {"const": NUMERIC_SCHEMA},
        **body["properties"],
        "explanation": _with(words, "the same in sentences"),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Numeric",
        "description": body["description"],
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": components,
    }


def schema(diagnosis: type[Struct], explanation: type[Struct]) -> dict[str, Json]:
    """The JSON Schema of what `public` gives, for diagnoses of the type `diagnosis` and errors of `explanation`."""
    (_, reference, finding, explained), components = msgspec.json.schema_components(
        [Trace, Reference, diagnosis, explanation], ref_template="#/$defs/{name}"
    )
    number = {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"enum": ["nan", "inf", "-inf"]}]}
    components["Values"] = {
        "title": "Values",
        "description": "The contents of a tensor at one time. A complex number is [re, im].",
        "type": "object",
        "required": ["shape", "dtype", "values", "summary"],
        "properties": {
            "shape": {"type": "array", "items": {"type": "integer"}},
            "dtype": {"type": "string"},
            "values": {
                "description": "Nested lists of numbers, as tolist() gives them; null where there are too many.",
                "anyOf": [{"$ref": "#/$defs/Nested"}, {"type": "null"}],
            },
            "summary": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Summary"}]},
        },
    }
    components["Nested"] = {"anyOf": [*number["anyOf"], {"type": "array", "items": {"$ref": "#/$defs/Nested"}}]}
    components["Content"] = {
        "title": "Content",
        "description": "What a storage held from this moment on: the cells that changed. "
        "Of many cells there is a summary instead; without both, what it held was not kept.",
        "type": "object",
        "required": ["moment", "start", "values", "summary", "resized"],
        "properties": {
            "moment": {"type": "integer", "minimum": 0, "description": "From which on it is held."},
            "start": {"type": "integer", "minimum": 0, "description": "The cell of the first of `values`."},
            "values": {
                "description": "The cells from `start` on; others stay as they were. A complex number is [re, im].",
                "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Nested"}}, {"type": "null"}],
            },
            "summary": {
                "anyOf": [{"type": "null"}, {"$ref": "#/$defs/Summary"}],
                "description": "Of many cells, in place of `values`.",
            },
            "resized": {"type": "boolean", "description": "Whether the storage has no other cells than these."},
        },
    }
    components["Storage"]["properties"].pop("packing")
    _describe(components, model)
    body = components.pop("Trace")
    properties = {
        "schema": {"const": SCHEMA},
        **body["properties"],
        "diagnoses": {"type": "array", "items": finding, "description": "Most important first."},
        "reference": {
            "anyOf": [reference, {"type": "null"}],
            "description": "A second run with every saved tensor kept intact; null where none was called for.",
        },
        "error_explained": {
            "anyOf": [explained, {"type": "null"}],
            "description": "The exception that ended the run, where autograd has no part in it; else null.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trace",
        "description": body["description"],
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": components,
    }
