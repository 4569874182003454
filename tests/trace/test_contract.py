"""The public JSON form: what its schema says of itself."""

from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.trace.contract import schema

# What moments added: each key has to say what it holds.
ADDED = {
    "Step": "moment frame caller mode",
    "Turn": "moment node is_leaf requires_grad",
    "GradTurn": "moment tensor",
    "Tensor": "lazy moment turns grads",
    "Content": "moment start values summary resized",
    "Storage": "moment contents",
    "Counter": "first moves moment",
    "Node": "moment freed_at",
    "Operation": "moment plain",
    "ParamGroup": "optimizer params raised moment",
    "Write": "moment",
    "Check": "slot version intact",
    "Fired": "moment checks",
    "Backward": "creates_graph moment",
    "Binding": "moment name frame tensor text",
    "Summary": "bins",
}


def test_every_key_that_moments_added_is_described() -> None:
    written = schema(Diagnosis, Explanation)
    for shape, keys in ADDED.items():
        for key in keys.split():
            assert written["$defs"][shape]["properties"][key].get("description"), f"{shape}.{key}"
    for key in ("bindings", "printed", "param_groups", "idle_updates"):
        assert written["properties"][key].get("description"), key
