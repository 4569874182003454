"""Every message that autograd can raise is listed, is torch's own, and is explained where a snippet reaches it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from app.explain import explain
from tests.explain.messages import REACHED, THE_LINE, UNREACHED, Message
from tests.tracing import trace_of

ROOT = Path(torch.__file__).parent
BINARIES = [ROOT / "lib" / name for name in ("libtorch_cpu.so", "libtorch_python.so", "libc10.so")]
PYTHON = [
    *ROOT.glob("autograd/*.py"),
    *(ROOT / name for name in ("_tensor.py", "utils/checkpoint.py", "utils/hooks.py")),
]

ABOUT_AUTOGRAD = re.compile(
    r"requires? grad|requires_grad|grad_fn|\bin-?place\b.*(view|operation|forbidden|update)|\bgradient|autograd|"
    r"\bleaf\b|[Ss]aved tensor|nference tensor|nference_mode|differentiab|grad mode",
)
TEXT = re.compile(rb"[\x20-\x7e\n\t]{16,700}")
# What speaks of gradients and is not autograd's own to raise from Python on a CPU, by whose it is.
OTHERS = {
    "forward mode": r"orward (AD|grad|mode|gradient)|jvp|dual Tensor|tangent",
    "compilers": r"ompiled.?[Aa]utograd|compiled_args|[Dd]ynamo|[Gg]uard|jit|JIT|script|subgraph|Autodiff|tracing|emit|"
    r"constant|CheckInplace|pipeline|alias_info|data region|functionaliz|functorch|trace|capture|vmap|called inside",
    "several processes": r"DDP|[Dd]istributed|[Dd]ist |rpc|Rpc|RPC|RRef|rank|autograd (context|message)|reentrant|NCCL|"
    r"participate|bucket|ready twice|unused parameter|did not get gradient|received|process group|"
    r"part of the autograd|DTensor|show up unexpectedly",
    "documents": r"\.\. |Args:|Returns:|>>>|opset|optional|`[A-Z]|ONNX|optimized|target|decay|Default|momentum|"
    r"indicates|X_1|node kind|weight for each|nodes_|count should|"
    r"BatchNorm|[Uu]nits:|learning|Specifies|Saved|Coefficient|Updated|algorithm|Its value|attribute",
    "other devices": r"CUDA|cu(DNN|dnn)|MIOpen|miopen|MPS|HIP|XPU|MKL|mkldnn|DNN|dnn|oneapi|Vulkan|xnnpack|metal|"
    r"stream|primitive|device",
    "signatures": r"::|->|\(Tensor|graph\(|\bdef |self\.|\.cpp|\.h:|std|%s|\{\}|^\w+\(|type spec|Field|dims|Options|"
    r"numbers",
    "operators": r"torch\.gradient|edge_order|kernel|dispatch|Composite|_backward|backward_|double.?backward|"
    r"channels last|interpolation|layout|nested|Nested|symint|quantiz",
    "observers": r"[Pp]rofil|[Rr]ecord|anomaly",
    "torch's own assertions": r"INTERNAL ASSERT",
}
OF_OTHERS = re.compile("|".join(OTHERS.values()))
FEWEST_WORDS = 5  # of what is a sentence of its own


@cache
def said_by_torch() -> tuple[str, ...]:
    """All texts in torch's binaries."""
    found = (text.decode().strip() for path in BINARIES for text in TEXT.findall(path.read_bytes()))
    return tuple(text for text in found if " " in text)


@cache
def in_torch() -> str:
    """All texts of torch as installed, one after another."""
    python = [re.sub(r'"\s*\n\s*f?"', "", path.read_text("utf-8")) for path in PYTHON]
    return "\0".join([*said_by_torch(), *python])


def sentences() -> Iterator[str]:
    """What torch's binaries say of autograd, and others do not raise."""
    for said in dict.fromkeys(said_by_torch()):
        words = len(re.findall(r"[A-Za-z']{2,}", said))
        if words >= FEWEST_WORDS and ABOUT_AUTOGRAD.search(said) and not OF_OTHERS.search(said):
            yield said


@cache
def plainly() -> list[dict[str, Any]]:
    """What plain torch does with each snippet, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.explain.plain"],
        input=json.dumps([f"import torch\n{message.snippet}\n" for message in REACHED]),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("message", [*REACHED, *UNREACHED], ids=lambda message: message.text[:60])
def test_the_message_is_torchs_own(message: Message) -> None:
    assert message.text in in_torch()


@pytest.mark.parametrize("index", range(len(REACHED)), ids=[message.text[:60] for message in REACHED])
def test_the_snippet_reaches_it_and_it_is_explained(index: int) -> None:
    message = REACHED[index]
    said = plainly()[index]["error"].replace("\n", " ")
    assert all(part in said for part in re.split(r"\{\}", message.text)), said
    trace = trace_of(f"import torch\n{message.snippet}\n")
    error = trace.outcome.error
    assert error is not None
    assert f"{error.type}: {error.message}".replace("\n", " ") == said
    assert error.line is not None
    found = [diagnosis.rule for diagnosis in explain(trace)]
    assert found[:1] == ([] if message.explained_by == THE_LINE else [message.explained_by])


def test_no_message_is_left_out() -> None:
    listed = [message.text for message in (*REACHED, *UNREACHED)]
    left = [said for said in sentences() if not any(text in said or said in text for text in listed)]
    assert left == []
