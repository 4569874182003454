"""The moments of a real run in the public JSON: as the schema says, and with the numbers that plain torch prints."""

from textwrap import dedent
from typing import Any

import jsonschema
import pytest

from app.explain import explain
from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.trace.contract import public, schema
from tests.worker.compare import written
from tests.worker.conftest import Traced
from tests.worker.plain_run import Plain

Json = Any

SOURCE = """
    import torch
    def double(grad):
        return grad * 2
    w = torch.tensor([1.0, float("nan"), float("inf"), -0.0], requires_grad=True)
    h = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    c = torch.tensor([1 + 2j, complex(float("nan"), 1)])
    b = torch.tensor([True, False])
    i = torch.tensor([2**40, -1])
    big = torch.zeros(100)
    e = torch.zeros(0, 3)
    for n in range(2):
        y = w * 2
        y.register_hook(double)
        big[n * 50] = 7
        h.add_(1)
        c.mul_(2)
        b.logical_not_()
        i[0] = n
    s = y.sum()
    s.backward()
    g = w.grad
    w.data = torch.ones(3)
    with torch.no_grad():
        w.zero_()
        print(w)
    big = torch.zeros(2000)
    big[0] = 1
"""


@pytest.fixture(scope="module")
def both(plain: Plain, traced: Traced) -> tuple[Json, Json]:
    """The public form of one run, and what plain torch says of it line by line."""
    source = dedent(SOURCE).lstrip("\n")
    plain.ask(source, stops=True)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert trace.outcome.error is None
    return public(trace, explain(trace)), told


def strict(part: Json) -> Json:
    """A schema that has no room for a key it does not name."""
    if isinstance(part, list):
        return [strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {key: strict(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object":
        found["additionalProperties"] = False
        found["required"] = list(part["properties"])
    return found


def test_every_key_is_in_the_schema(both: tuple[Json, Json]) -> None:
    body, _ = both
    jsonschema.Draft202012Validator(strict(schema(Diagnosis, Explanation))).validate(body)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(strict(schema(Diagnosis, Explanation))).validate(body | {"another": 1})


@pytest.mark.parametrize("kind", ["steps", "tensors", "storages", "counters", "nodes", "backwards", "bindings"])
def test_what_has_moments_tells_them(both: tuple[Json, Json], kind: str) -> None:
    body, _ = both
    things = body[kind].values() if isinstance(body[kind], dict) else body[kind]
    assert things
    assert all(thing["moment"] > 0 for thing in things)


def test_contents_are_what_plain_torch_prints(both: tuple[Json, Json]) -> None:
    """Names that stand over whole storages: the changes in `contents`, put together, at each stop."""
    body, told = both
    seen = set()
    moments = [step["moment"] - 1 for step in body["steps"]]
    for stop, moment in zip(told["stops"], moments, strict=False):
        for name, plain in stop["tensors"].items():
            bound = [one for one in body["bindings"] if one["name"] == name and one["moment"] <= moment]
            if not bound or not bound[-1]["tensor"]:
                continue
            tensor = continued(body, bound[-1]["tensor"], moment)
            cells = cells_at(body["storages"][body["tensors"][tensor]["storage"]], moment)
            assert body["tensors"][tensor]["offset"] == 0
            if cells is not None and not stop["stack"][1:]:
                assert list(map(of_json, cells)) == plain["contents"]["flat"], (name, moment)
                seen.add((name, tuple(plain["contents"]["flat"])))
    assert {name for name, _ in seen} == {"w", "h", "c", "b", "i", "big", "e", "y", "s", "g"}
    assert len(seen) > 20


def continued(body: Json, tensor: str, moment: int) -> str:
    """The tensor that `tensor` was then."""
    for key, one in body["tensors"].items():
        if one["continues"] == tensor and one["moment"] <= moment:
            return continued(body, key, moment)
    return tensor


def cells_at(storage: Json, moment: int) -> list[Json] | None:
    """As the schema describes it: cells from `start` on are new, others stay; None where they are not kept."""
    cells: list[Json] | None = None
    for content in storage["contents"]:
        if content["moment"] > moment:
            break
        new, start = content["values"], content["start"]
        if new is None:
            cells = None
        elif content["resized"] or cells is None:
            cells = new
        else:
            cells = [*cells[:start], *new, *cells[start + len(new) :]]
    return cells


def of_json(number: Json) -> str:
    """As Python writes it."""
    return written((number[0], number[1]) if isinstance(number, list) else number)
