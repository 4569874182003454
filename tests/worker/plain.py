"""What plain torch does with a snippet: the judge of the traced run. Imports nothing of ours.

Run as a script. It imports torch once; then, for each request, a line of JSON, it forks a child that runs the
snippet as `python snippet.py` would: `__main__` is the snippet, stdout and stderr are files, what it left for the
exit runs. It answers each request with a line of JSON: what was printed, what was raised, and what the names were
bound to at the end. With `split`, a line, the state before that line and what backward did from there on are told
too (`probe.py`); with `lines`, each line that a frame of the snippet began, and what each of the top level wrote; with
`stops`, the state at the beginning of each line, and the nodes that backward ran between them (`stops.py`).
"""

import ast
import atexit
import gc
import json
import os
import random
import re
import sys
import threading
import types
import warnings
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo
import torch.distributions
import torch.fft
import torch.func
import torch.optim.swa_utils
import torch.utils.checkpoint
import torch.utils.data

from tests.worker import probe
from tests.worker.stops import Stops

FILENAME = "snippet.py"
SEED = 0
_threading: Any = threading
OWN_FRAME = re.compile(rf'  File "{re.escape(__file__)}", line \d+, in \S+\n(    .*\n)*')  # in a stack that is printed
MOST_LISTED = 1_000  # elements of one tensor


def main() -> None:
    """Answer requests until there are no more."""
    torch.set_num_threads(1)
    parameter = torch.nn.Parameter(torch.ones(2))
    torch.optim.AdamW([parameter])  # the first optimizer of a process imports for a second
    requests, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    gc.collect()
    gc.freeze()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    answers.write("ready\n")
    answers.flush()
    while line := requests.readline():
        request = json.loads(line)
        Path(FILENAME).write_text(request["source"], encoding="utf-8", newline="")
        child = os.fork()
        if not child:
            requests.close()
            answers.close()
            be_the_run(request)
            end()
        _, status = os.waitpid(child, 0)
        told = json.loads(Path("told").read_text(encoding="utf-8")) if Path("told").exists() else {}
        told["exit"] = os.waitstatus_to_exitcode(status)
        for name in ("stdout", "stderr"):
            told[name] = OWN_FRAME.sub("", Path(name).read_bytes().decode(errors="backslashreplace"))
        for file in Path().iterdir():
            file.unlink()
        answers.write(json.dumps(told) + "\n")
        answers.flush()


def be_the_run(request: dict[str, Any]) -> None:
    """Run the request's snippet in this process, and leave what it did in the file `told`."""
    for descriptor, name in enumerate(["stdout", "stderr"], start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    random.seed(SEED)
    sys.argv = [FILENAME]
    sys.path[0] = str(Path.cwd())
    module = types.ModuleType("__main__")
    namespace = module.__dict__
    loader = SourceFileLoader("__main__", str(Path(FILENAME).absolute()))
    namespace |= {"__loader__": loader, "__annotations__": {}, "__builtins__": __builtins__}
    namespace |= {"__file__": str(Path(FILENAME).absolute()), "__cached__": None}
    sys.modules["__main__"] = module
    told: dict[str, Any] = {"error": None}
    try:
        if "split" in request:
            run_in_halves(request["source"], request["split"], namespace, told)
        elif request.get("lines"):
            run_line_by_line(request["source"], namespace, told)
        elif request.get("stops"):
            run_stop_by_stop(request["source"], namespace, told)
        else:
            exec(compile(request["source"], FILENAME, "exec", dont_inherit=True), namespace)  # noqa: S102  # a snippet is there to be run
    except SystemExit as error:
        if error.code is not None and error.code != 0:
            told["error"] = error_of(error)
    except BaseException as error:  # noqa: BLE001  # whatever the snippet raised is told
        told["error"] = error_of(error)
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
    sys.settrace(None)
    with warnings.catch_warnings(), torch._C.DisableTorchFunction():
        warnings.simplefilter("ignore")
        while torch.utils._python_dispatch._get_current_dispatch_mode_stack():
            torch.utils._python_dispatch._pop_mode()
        told["final"] = {name: final_of(tensor) for name, tensor in final_tensors(namespace)}
    Path("told").write_text(json.dumps(told), encoding="utf-8")


def end() -> None:
    """End as the interpreter ends after a script, without giving torch's own memory back: that takes a second."""
    _threading._shutdown()
    atexit._run_exitfuncs()
    del sys.modules["__main__"]
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def run_in_halves(source: str, line: int, namespace: dict[str, Any], told: dict[str, Any]) -> None:
    """Run what stands before `line`, ask, and run the rest."""
    tree = ast.parse(source, FILENAME)
    early = ast.Module([statement for statement in tree.body if statement.lineno < line], [])
    late = ast.Module([statement for statement in tree.body if statement.lineno >= line], [])
    with torch.autograd.set_detect_anomaly(True, check_nan=False):  # notes where each node was made
        exec(compile(early, FILENAME, "exec"), namespace)  # noqa: S102  # a snippet is there to be run
    told["before"], after = probe.before(namespace)
    exec(compile(late, FILENAME, "exec"), namespace)  # noqa: S102  # a snippet is there to be run
    told["after"] = after()


def run_line_by_line(source: str, namespace: dict[str, Any], told: dict[str, Any]) -> None:
    """Run under a tracer that notes each line a frame of the snippet begins, and what those of the top level wrote."""
    told["lines"] = []
    watch = probe.Watch(namespace)

    def note(frame: types.FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != FILENAME:
            return None
        if event == "line":
            told["lines"].append(frame.f_lineno)
            if frame.f_code.co_name == "<module>":
                watch.look(frame.f_lineno)
        return note

    code = compile(source, FILENAME, "exec", dont_inherit=True)
    sys.settrace(note)
    exec(code, namespace)  # noqa: S102  # a snippet is there to be run
    sys.settrace(None)
    watch.look(None)
    told["written"] = watch.written


def run_stop_by_stop(source: str, namespace: dict[str, Any], told: dict[str, Any]) -> None:
    """Run, and tell the state at the beginning of each line and at the end, whatever the end is."""
    code = compile(source, FILENAME, "exec", dont_inherit=True)
    stops = Stops(source, contents_of)
    sys.settrace(stops.trace)
    try:
        exec(code, namespace)  # noqa: S102  # a snippet is there to be run
    finally:
        sys.settrace(None)
        stops.end(namespace)
        told |= stops.told


def error_of(error: BaseException) -> dict[str, Any]:
    """The type and message of `error`, and the lines of the snippet's frames, outermost first."""
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILENAME:
            lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError):
        return {"type": type(error).__name__, "message": error.msg, "lines": [error.lineno]}
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # its own __str__
        message = "<exception str() failed>"
    return {"type": type(error).__name__, "message": message, "lines": lines}


def final_tensors(namespace: dict[str, Any]) -> list[tuple[str, torch.Tensor]]:
    """Every global name bound to a tensor, and every parameter of a module bound to a global name."""
    found = []
    for name, value in list(namespace.items()):
        if issubclass(type(value), torch.Tensor):
            found.append((name, value))
        elif issubclass(type(value), torch.nn.Module):
            for path, module in value.named_modules(prefix=name):
                found += [(f"{path}.{key}", p) for key, p in module._parameters.items() if p is not None]
    return found


# A snippet may replace methods of torch.Tensor: these stay torch's own.
_of: Any = torch._C.TensorBase


def final_of(tensor: torch.Tensor) -> dict[str, Any]:
    """All that the Trace says of a name, as torch itself says it."""
    is_leaf, grad_fn = asked(_of.is_leaf, tensor), asked(_of.grad_fn, tensor)
    grad = _of.grad.__get__(tensor) if is_leaf or _of.retains_grad.__get__(tensor) else None
    return {
        "version": asked(_of._version, tensor),  # an inference tensor has none
        "is_leaf": is_leaf,
        "requires_grad": asked(_of.requires_grad, tensor),
        "grad_fn": grad_fn and grad_fn.name().rpartition("::")[2],
        "parameter": isinstance(tensor, torch.nn.Parameter),
        "grad": None if grad is None else contents_of(grad),
        "contents": contents_of(tensor),
    }


def asked(attribute: Any, tensor: torch.Tensor) -> Any:
    """The value of `attribute`; None where torch refuses: an inference tensor, a view whose base was written."""
    try:
        return attribute.__get__(tensor)
    except RuntimeError:
        return None


def fits(tensor: torch.Tensor) -> bool:
    """Whether its storage, which may have been resized, holds all that it stands over."""
    last = sum((size - 1) * step for size, step in zip(_of.shape.__get__(tensor), _of.stride(tensor), strict=True))
    bytes_needed = (_of.storage_offset(tensor) + last + 1) * _of.element_size(tensor)
    return not _of.numel(tensor) or bool(bytes_needed <= _of.untyped_storage(tensor).nbytes())


def contents_of(tensor: torch.Tensor) -> dict[str, Any]:
    """Shape, dtype and every element, row-major, written as Python writes it: two floats agree if their bytes do."""
    dtype = str(_of.dtype.__get__(tensor)).removeprefix("torch.")
    if _of.is_nested.__get__(tensor):
        return {"dtype": dtype, "flat": None}
    shape = [int(size) for size in _of.shape.__get__(tensor)]
    elements = _of.numel(tensor)
    pretends = torch._C._dispatch_keys(tensor).has(torch._C.DispatchKey.Python)  # to have memory: a wrapper subclass
    readable = not pretends and elements <= MOST_LISTED
    readable = readable and _of.layout.__get__(tensor) is torch.strided and _of.device.__get__(tensor).type == "cpu"
    readable = readable and not _of.is_quantized.__get__(tensor)
    readable = readable and fits(tensor)
    try:
        flat = _of.tolist(_of.flatten(_of.detach(tensor))) if readable else None
    except RuntimeError:  # no operator takes a tensor of inference mode over memory of another's
        flat = None
    return {"shape": shape, "dtype": dtype, "flat": None if flat is None else list(map(repr, flat))}


if __name__ == "__main__":
    main()
