"""Plain torch, stopped at the beginning of each line of a snippet and asked for the state. Imports nothing of ours.

To ask may change what is asked: torch records a node when a view whose base was written is asked for its own. So a stop
at which there is any view that was ever written forks a child, which is asked instead and ends; the run itself goes on
as if nobody had asked. Only hooks on nodes are left in it.
"""

import ast
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

from tests.worker import probe

FILENAME = "snippet.py"
Facts = dict[str, Any]
Tensors = dict[str, torch.Tensor]

_TIME_LIMIT_S = 20
_GENERATOR = 0x20
_UNNUMBERED = 2**64 - 1
_FIRST = "judge"  # in a node's metadata: what it saved, as it was when it was seen first
_VERSIONS = re.compile(r"is at version (\d+); expected version (\d+)")
_ENGINE = torch.autograd.graph._engine_run_backward.__code__  # where every backward comes by


class Stops:
    """The stops of one run. `told` is what became known at them, in the words of JSON."""

    def __init__(self, source: str, contents_of: Callable[[torch.Tensor], Facts]) -> None:
        self.told: Facts = {"stops": [], "order": []}
        self._contents_of = contents_of
        self._statements = {_first_line(one): one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.stmt)}
        self._under_way: list[Facts] = []
        self._held: list[Any] = []
        self._asked: dict[int, int] = {}  # by number of the stop: the child's pid
        self._before: dict[int, tuple[CodeType, int]] = {}  # by id of a frame: its last line, whatever it was

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """What `sys.settrace` takes."""
        code = frame.f_code
        if code is _ENGINE:
            self._hook(frame.f_locals["t_outputs"])
        if code.co_filename != FILENAME or _is_inline(code):
            return None
        if event == "call" and not code.co_flags & _GENERATOR:
            self._before.pop(id(frame), None)
        if event == "line":
            begins = self._begins(frame)
            self._before[id(frame)] = code, frame.f_lineno
            if begins:
                self._stop(frame)
        return self.trace

    def end(self, namespace: dict[str, object]) -> None:
        """The run is over: ask for the last state, and collect the answers."""
        self._ask({"line": None, "stack": []}, dict(_named(namespace)))
        for index, pid in self._asked.items():
            os.waitpid(pid, 0)
            file = Path(f"stop{index}")
            said = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"silent": True}
            self.told["stops"][index] |= said

    def _begins(self, frame: FrameType) -> bool:
        """Whether a statement begins: not the end of a `with`, an `except`, or what follows upon decorators."""
        line = frame.f_lineno
        statement = self._statements.get(line)
        code, before = self._before.get(id(frame), (None, 0))
        if statement is None:
            return False
        if isinstance(statement, ast.ClassDef) and frame.f_code.co_name == statement.name:
            return False  # its body, which begins at its line too
        if code is not frame.f_code:
            return True
        if isinstance(statement, ast.With):
            return not statement.body[0].lineno <= before <= (statement.end_lineno or 0)
        if getattr(statement, "decorator_list", []):
            return not line <= before <= statement.lineno
        return True

    def _stop(self, frame: FrameType) -> None:
        stack = []
        above: FrameType | None = frame
        while above is not None:
            if above.f_code.co_filename == FILENAME and not _is_inline(above.f_code):
                stack.append([None if _is_top(above) else above.f_code.co_name, above.f_lineno])
            above = above.f_back
        own = None if _is_top(frame) else {*frame.f_code.co_varnames, *frame.f_code.co_cellvars}
        held = {name: value for name, value in frame.f_locals.items() if own is None or name in own}
        self._ask({"line": frame.f_lineno, "stack": stack[::-1]}, dict(_named(held)))

    def _ask(self, stop: Facts, tensors: Tensors) -> None:
        """Tell the state, or let a child of this very moment tell it: its answer lies in a file once it has ended."""
        sys.stdout.flush()
        number = len(self.told["stops"])
        self.told["stops"].append(stop)
        self.told["order"].append("line" if stop["stack"] else "end")
        stop["printed_bytes"] = os.fstat(1).st_size
        fresh = [tensor for tensor in tensors.values() if not (tensor._is_view() and probe.version_of(tensor))]
        self._hook_above([node for node in map(probe.grad_fn_of, fresh) if node is not None])
        if len(fresh) == len(tensors):
            stop |= self._state(tensors)
            return
        pid = os.fork()
        if pid:
            self._asked[number] = pid
            return
        signal.alarm(_TIME_LIMIT_S)
        try:
            Path(f"stop{number}").write_text(json.dumps(self._state(tensors)), encoding="utf-8")
        finally:
            os._exit(0)

    def _state(self, tensors: Tensors) -> Facts:
        with torch._C.DisableTorchFunction(), torch.inference_mode(mode=False), torch.enable_grad():
            last = _number((torch.ones(1, requires_grad=True) * 1).grad_fn)  # every node from here on is of our asking
            versions = {name: probe.version_of(tensor) for name, tensor in tensors.items()}
            wanting = {name: tensor.requires_grad for name, tensor in tensors.items()}
            told: Facts = {}
            for name, tensor in tensors.items():
                node = probe.grad_fn_of(tensor)
                is_leaf = _is_leaf(tensor)
                told[name] = {
                    "version": versions[name],
                    "requires_grad": wanting[name],
                    "is_leaf": is_leaf,
                    "grad_fn": None if node is None else probe.name_of(node),
                    # a view whose base was written since torch last looked: it makes the node now, for us
                    "stale": is_leaf is None or (node is not None and last < _number(node)),
                    "contents": self._contents_of(tensor),
                    "grad": self._grad_of(tensor) if is_leaf or tensor.retains_grad else None,
                }
            sized = {name: tensor for name, tensor in tensors.items() if tensor.untyped_storage().nbytes()}
            counted = {name: tensor for name, tensor in tensors.items() if versions[name] is not None}
            state = {
                "tensors": told,
                "sized": sorted(sized),
                "memory": probe.pairs(sized, probe.shares_memory),
                "counters": probe.pairs(counted, probe.shares_counter),
            }
            # that counted writes which never were
            before = tuple(version for version in versions.values() if version is not None)
            torch._C._autograd._unsafe_set_version_counter(tuple(counted.values()), before)
            return state

    def _grad_of(self, tensor: torch.Tensor) -> Facts | None:
        return None if tensor.grad is None else self._contents_of(tensor.grad)

    # backward

    def _hook(self, roots: Iterable[object]) -> None:
        """Be told of every node that the backward which begins here may run: it asks these for their own itself."""
        tensors = [root for root in roots if isinstance(root, torch.Tensor)]
        self._held = [node for tensor in tensors if (node := _node_of(tensor)) is not None]
        self._hook_above(self._held)  # held until the next one: nothing else holds what adds up a leaf's `.grad`

    def _hook_above(self, roots: list[Any]) -> None:
        """Note, of each node that `roots` lead to and that was not seen before, what it saved and when it runs."""
        for node in probe.nodes_above(roots):
            if _FIRST not in node.metadata:
                node.metadata[_FIRST] = _saved(node)
                node.register_prehook(self._before_node)
                node.register_hook(self._after_node)

    def _before_node(self, _: object) -> None:
        node: Any = torch._C._current_autograd_node()  # not held by its own hook: nodes live as long as without us
        fired = {"node": probe.name_of(node), "checks": _checks(node, node.metadata[_FIRST])}
        self._under_way.append(fired)
        self.told["order"].append(fired)

    def _after_node(self, inputs: Any, outputs: Any) -> None:
        node: Any = torch._C._current_autograd_node()
        name = probe.name_of(node)
        fired = next(one for one in reversed(self._under_way) if one["node"] == name and "sent" not in one)
        fired |= {"sent": probe.gradients(inputs), "received": probe.gradients(outputs)}
        if name == "AccumulateGrad" and self.told["order"][-1] is fired:  # no lines of hooks ran since
            fired["grad"] = self._grad_of(node.variable)


def _checks(node: Any, first: Facts) -> Facts:
    """By slot: the version then, and whether the contents are those that it had first; None where torch hides them."""
    checks = {}
    for slot, told in _saved(node, refused=True).items():
        if isinstance(told, int):
            checks[slot] = [told, None]
        else:
            checks[slot] = [told[0], told[1:] == first[slot][1:] if slot in first else None]
    return checks


def _saved(node: Any, *, refused: bool = False) -> Facts:
    """By slot: version, shape and elements; of one that torch refuses to show, the version that it says instead."""
    found: Facts = {}
    for attribute in dir(node):
        slot = attribute.removeprefix("_saved_")
        if slot != attribute:
            _add(found, slot, partial(getattr, node, attribute), refused=refused)
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        _add(found, "tensors", lambda: node.saved_tensors, refused=refused)
    return found


def _add(found: Facts, slot: str, ask: Callable[[], object], *, refused: bool) -> None:
    try:
        value = ask()
    except RuntimeError as error:
        said = _VERSIONS.search(str(error))
        if said and refused and slot != "tensors":
            found[slot] = int(said[1])
        return
    several = enumerate(value) if isinstance(value, tuple) else ()
    for name, item in [(slot, value), *((f"{slot}[{index}]", item) for index, item in several)]:
        if isinstance(item, torch.Tensor):
            found[name] = [probe.version_of(item), *probe.listed(item)]


def _named(names: dict[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that a name is bound to, every parameter and buffer of a module, and what optimizers keep."""
    called: dict[int, str] = {}
    for name, tensor in _named_directly(names):
        called.setdefault(id(tensor), name)
        yield name, tensor
    for name, value in list(names.items()):
        if issubclass(type(value), torch.optim.Optimizer):
            optimizer: Any = value
            for parameter, state in optimizer.state.items():
                for key, kept in state.items():
                    if isinstance(kept, torch.Tensor):
                        yield f"{name}.state[{called[id(parameter)]}][{key!r}]", kept


def _named_directly(names: dict[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in list(names.items()):
        if issubclass(type(value), torch.Tensor):
            yield name, value  # type: ignore[misc]  # a tensor by its type
        elif issubclass(type(value), torch.nn.Module):
            module: Any = value
            yield from module.named_parameters(prefix=name)
            yield from module.named_buffers(prefix=name)


def _is_inline(code: CodeType) -> bool:
    """Whether it is a lambda's or a comprehension's, which is part of its statement."""
    return code.co_name.startswith("<") and code.co_name != "<module>"


def _is_top(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>"


def _node_of(tensor: torch.Tensor) -> Any:
    """Its grad_fn, or what adds up its `.grad`: where backward begins, or ends."""
    node = probe.grad_fn_of(tensor)
    if node is not None or not tensor.requires_grad or tensor.is_inference() or tensor._is_view():
        return node
    with torch.inference_mode(mode=False):
        return torch.autograd.graph.get_gradient_edge(tensor).node


def _is_leaf(tensor: torch.Tensor) -> bool | None:
    try:
        return tensor.is_leaf
    except RuntimeError:
        return None


def _number(node: Any) -> int:
    number: int = node._sequence_nr()
    return number if number != _UNNUMBERED else -1


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])
