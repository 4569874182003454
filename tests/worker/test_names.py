"""The reader's own names for tensors, found without running a line of the reader's code."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from app.worker import budget
from app.worker.clock import Clock
from app.worker.names import Names, clean, final_tensors, submodules, tensors_in

t = torch.zeros(1)


class Plain:
    """An object with attributes, as a snippet has them."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__ |= attributes


Plain.__module__ = "__main__"


def paths(value: object) -> list[str]:
    """The expressions that reach a tensor from `v`."""
    return [path for path, _ in tensors_in("v", value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (t, ["v"]),
        ([t, 5, t], ["v[0]", "v[2]"]),
        ((t, [t]), ["v[0]", "v[1][0]"]),
        ({"a": t, 3: t, (1, 2): t, None: t}, ["v['a']", "v[3]"]),
        ({"it's": [t]}, ['v["it\'s"][0]']),
        (Plain(x=t, _hidden=t, deep=Plain(y=[t])), ["v.x", "v.deep.y[0]"]),
        ([[[t]]], ["v[0][0][0]"]),
        ([[[[t]]]], []),
        ([t] * 300, [f"v[{index}]" for index in range(budget.CONTAINER_ITEMS)]),
        (torch.nn.Linear(1, 1), ["v.weight", "v.bias"]),
        (torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False)), ["v.0.weight"]),
        (torch.nn.BatchNorm1d(1, affine=False), ["v.running_mean", "v.running_var", "v.num_batches_tracked"]),
        ([torch.nn.Linear(1, 1, bias=False)], ["v[0].weight"]),
        (torch.optim.SGD([torch.nn.Parameter(t)]), []),
        ("text", []),
        (None, []),
        ({t}, []),
        (iter([t]), []),
    ],
)
def test_paths(value: object, expected: list[str]) -> None:
    assert paths(value) == expected


def test_what_an_optimizer_keeps_is_named_by_the_parameters_names() -> None:
    w, b, frozen = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    optimizer = torch.optim.Adam([{"params": [frozen, w]}, {"params": [b]}], amsgrad=True)
    assert [path for path, _ in tensors_in("opt", optimizer)] == []
    w.grad, b.grad = torch.ones(2), torch.ones(2)
    optimizer.step()
    found = dict(tensors_in("opt", optimizer, called=lambda tensor: "w" if tensor is w else None))
    kept = ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    paths = [*(f"opt.state[w]['{key}']" for key in kept), *(f"opt.state_dict()['state'][2]['{key}']" for key in kept)]
    assert list(found) == paths
    for path, tensor in found.items():
        assert eval(path, {"opt": optimizer, "w": w}) is tensor  # noqa: S307  # a path that our own code wrote


class LoudOptimizer(torch.optim.SGD):
    """An optimizer whose own code must not run while names are sought."""

    loud = False

    def __getattribute__(self, name: str) -> Any:
        assert not LoudOptimizer.loud
        return super().__getattribute__(name)


class LoudParameter(torch.nn.Parameter):
    """A key of an optimizer's state with code of its own."""

    def __hash__(self) -> int:
        assert not LoudOptimizer.loud
        return id(self)

    def __eq__(self, other: object) -> Any:
        assert not LoudOptimizer.loud
        return self is other


def test_no_code_of_an_optimizer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    w = LoudParameter(torch.ones(2))
    optimizer = LoudOptimizer([w], lr=0.1, momentum=0.9)
    w.grad = torch.ones(2)
    optimizer.step()
    monkeypatch.setattr(LoudOptimizer, "loud", True)
    found: list[str] = []
    names = Names(Clock(), lambda name, *_: found.append(name), lambda *_: None)
    names.look({"opt": optimizer}, 0)
    names.bound("local", optimizer, 1, "f", 1)
    assert found == [f"{name}.state_dict()['state'][0]['momentum_buffer']" for name in ("opt", "local")]


class Hostile:
    """Raises when it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"looked at {name}")

    def __len__(self) -> int:
        raise AssertionError("asked for its length")

    def __iter__(self) -> Iterator[object]:
        raise AssertionError("iterated")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("hashed")


class HostileList(list[object]):
    """A list that raises when it is iterated."""

    def __iter__(self) -> Iterator[object]:
        raise AssertionError("iterated")

    def __len__(self) -> int:
        raise AssertionError("asked for its length")


class HostileDict(OrderedDict[str, object]):
    """A dict that raises when its items are asked for."""

    def items(self) -> Any:
        raise AssertionError("asked for its items")


class Odd:
    """An object whose `__dict__` is a property."""

    @property
    def __dict__(self) -> dict[str, object]:  # type: ignore[override]  # that is what is odd
        raise AssertionError("looked at __dict__")


for each in (Hostile, HostileList, HostileDict, Odd):
    each.__module__ = "__main__"


@pytest.mark.parametrize("kind", [Hostile, HostileList, HostileDict, Odd])
def test_no_code_of_the_snippet_runs(kind: type) -> None:
    value = kind()
    found: list[str] = []
    names = Names(Clock(), lambda name, *_: found.append(name), lambda *_: None)
    namespace = {"value": value, "inside": [value, (value,), {"key": value}], "x": t}
    names.look(namespace, 0)
    names.look(namespace, 1)
    names.bound("local", value, 1, "f", 1)
    assert set(found) == {"x"}
    assert [name for name, _ in final_tensors(namespace)] == ["x"]


def test_names_are_given_again_only_when_something_changed() -> None:
    found: list[tuple[str, int]] = []
    names = Names(Clock(), lambda name, _tensor, step, _local: found.append((name, step)), lambda *_: None)
    held: list[torch.Tensor] = [torch.zeros(1)]
    namespace: dict[str, object] = {"held": held}
    names.look(namespace, 0)
    names.look(namespace, 1)
    held.append(torch.zeros(1))
    names.look(namespace, 2)
    names.look(namespace, 3)
    held[0] = torch.zeros(1)
    names.look(namespace, 4)
    assert ("held[0]", 0) in found
    assert ("held[1]", 2) in found
    assert ("held[0]", 4) in found
    assert not [name for name, step in found if step in (1, 3)]


def test_functions_of_the_same_variable_names_are_told_apart() -> None:
    found: list[tuple[str, bool]] = []
    names = Names(Clock(), lambda name, _tensor, _step, is_local: found.append((name, is_local)), lambda *_: None)
    shared = [t]
    names.bound("x", shared, 0, "f", 1)
    names.bound("x", shared, 1, "g", 2)
    names.look({"x": shared}, 2)
    assert found == [("x[0]", True), ("x[0]", True), ("x[0]", False)]


def test_final_names_of_modules_are_torchs_own() -> None:
    block = torch.nn.Linear(1, 1)
    model = torch.nn.Sequential(block, torch.nn.ModuleList([block, torch.nn.PReLU()]))
    model.register_parameter("none", None)
    model.register_buffer("buffer", torch.zeros(1))
    names = [name for name, _ in final_tensors({"model": model, "t": t})]
    assert sorted(names) == sorted(["t", *(f"model.{name}" for name, _ in model.named_parameters())])


def test_tied_parameters_have_both_names() -> None:
    model = torch.nn.Module()
    model.a, model.b = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
    model.b.weight = model.a.weight
    assert {name for name, _ in final_tensors({"m": model})} == {"m.a.weight", "m.b.weight"}


def test_a_module_that_holds_itself_ends() -> None:
    model = torch.nn.Module()
    model._modules["self"] = model
    assert [path for path, _ in submodules("m", model)] == ["m"]


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [("a", "a"), ("é漢", "é漢"), ("\ud800", "\\ud800"), ("x" * 500, "x" * budget.TEXT), (5, "?")],
)
def test_clean(name: object, cleaned: str) -> None:
    assert clean(name) == cleaned


def test_clean_asks_no_subclass() -> None:
    class Loud(str):
        def __getitem__(self, key: object) -> str:
            raise AssertionError

        def encode(self, *_: object, **__: object) -> bytes:
            raise AssertionError

        def __str__(self) -> str:
            raise AssertionError

    assert clean(Loud("abc")) == "abc"
