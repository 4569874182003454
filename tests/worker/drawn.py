"""Programs drawn by hypothesis: statements over a growing set of names, in blocks, loops, functions and closures.

A statement is drawn as a template and two numbers, which choose among the names that there are when its line is
written: whatever is left out of a program, the rest stays one. All begins with what is simplest, to shrink towards it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

START = [
    "torch.ones(2, 3)",
    "torch.ones(2, 3, requires_grad=True)",
    "torch.rand(2, 3, requires_grad=True)",
    "torch.rand(3)",
    "torch.rand(4, dtype=torch.float64, requires_grad=True)",
]
# A and B are any names that can be seen from there, O one that belongs there; NEW is a name that there was not.
MADE = """
    A * 2|A + B|A * B|A.exp()|A.detach()|A.data|A[0]|A.view(-1)|A.t()|A.sum()|A.sigmoid()|A.clone()|A[..., :1]
    A.expand_as(A)|A.relu()|A.pow(2)|torch.from_numpy(A.detach().numpy())|A.softmax(-1)|A.unsqueeze(0)|A.flatten()[::2]
    torch.from_dlpack(A.detach())|torch.cat([A.flatten(), B.flatten()])[:12]|A.max()|torch.where(A > 0.5, A, B)
    A.requires_grad_()|A.double()|A.diagonal()|A.narrow(0, 0, 1)|A.as_strided((2,), (1,))|A.chunk(2)[0]|A.unbind(0)[-1]
    A @ B.t()|A.view_as(B)|torch.nn.Parameter(A.detach())|A.grad|A.mean()|A.squeeze()|A.expand(2, *A.shape)
    torch.complex(A, B)|A.real|A.imag|A.conj()|A.view(torch.int32)|A > 0.5|A.detach().numpy()
    Cube.apply(A)|net(A)|net.weight|net.bias * A|net.weight[0]|torch.from_numpy(B)|torch.no_grad()(torch.exp)(A)
"""
WRITTEN = """
    A.add_(1)|A.mul_(B)|A[0] = 3|A.zero_()|A.copy_(B)|A.data.mul_(2)|A.detach().add_(1)|A.detach_()|A.t_()|O += B
    A.data = B.data.clone()|A.data = B|A.unsqueeze_(0)|A.clamp_(0, 1)|A.sqrt_()|A.detach().numpy()[...] = 2
    A.retain_grad()|A.untyped_storage().fill_(0)|A.requires_grad_(False)|A.requires_grad_()|A.grad = None
    A.masked_fill_(A > 0.5, 0)|A.set_(B)|A.set_(B.detach())|A.resize_(2).zero_()|torch.relu_(A)|A.fill_diagonal_(1)
    A.index_fill_(0, torch.tensor([0]), 1.)|del A.grad|del O|O = A|O = A * 2|A.grad.zero_()|A.grad.mul_(2)|A.grad = B
    torch.add(A, B, out=O)|A.requires_grad = True|print(A)|print(A.grad)|A.squeeze_()|A[...] = B|A.register_hook(hook)
    A.register_hook(lambda g: g * 3)|A.numpy().fill(2)|B[...] = 4|torch.nn.init.ones_(A)|A.swapaxes_(0, -1)
    torch._foreach_add_([A, B], 1)|A.resize_as_(B).zero_()|opt.zero_grad()|opt.step()
    net.weight.data.add_(1)|net.bias.requires_grad_(False)|net.weight.grad = None|opt.zero_grad(set_to_none=False)
    net.bias.data = torch.ones(2)|A.transpose_(0, -1)|torch.autograd.graph.increment_version(A)
"""
BACKWARD = """
    NEW = A.sum();NEW.backward()|NEW = A.sum();NEW.backward(retain_graph=True)
    NEW = A.pow(2).sum();NEW.backward(inputs=[B])|NEW = (A * B).sum();NEW.backward(create_graph=True)
    NEW = A.sum();NEW = torch.autograd.grad(NEW, B, retain_graph=True, allow_unused=True)[0]
    NEW = A.pow(3).sum();NEW = torch.autograd.grad(NEW, B, create_graph=True)[0]
    A.backward(torch.ones_like(A), retain_graph=True)|A.backward(B)
    NEW = net(torch.ones(2, 3)).pow(2).sum();NEW.backward();opt.step()
"""
BLOCKS = ["for _ in range(2):", "with torch.no_grad():", "function", "with torch.inference_mode():"]
BLOCKS += ["with torch.enable_grad():", "with torch.set_grad_enabled(False):"]
USED = {  # what stands at the top of a program that says so
    "Cube": """
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, given):
        ctx.save_for_backward(given)
        cube = given ** 3
        return cube
    @staticmethod
    def backward(ctx, grad):
        given, = ctx.saved_tensors
        mine = grad * 3 * given ** 2
        return mine
""",
    "hook": """
def hook(grad):
    double = grad * 2
    return double
""",
    "net": """
net = torch.nn.Linear(3, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
""",
}


@dataclass(frozen=True)
class Statement:
    """One line, or a few that belong together. Each may raise: a guarded one says so, and the program goes on."""

    template: str
    one: int
    other: int
    guard: int

    def write(self, program: "Program", names: Sequence[str], own: list[str], indent: str) -> None:
        """Append the lines to `program`, and what they bind to `own`."""
        seen = names[::-1]
        chosen = {"A": seen[self.one % len(seen)], "B": seen[self.other % len(seen)]}
        chosen["O"] = own[::-1][self.one % len(own)] if own else chosen["A"]
        makes = "NEW" in self.template
        chosen["NEW"] = f"t{program.made}"
        lines = ["".join(chosen.get(word, word) for word in _words(line)) for line in self.template.split(";")]
        guarded = self.guard > 0
        if guarded:
            lines = ["try:", *(f"    {line}" for line in lines), "except Exception as error:", "    print(error)"]
            lines += [f"    {chosen['NEW']} = torch.ones(2, 3)"] * makes
        program.lines += [indent + line for line in lines]
        if makes:
            program.made += 1
            own.append(chosen["NEW"])


@dataclass(frozen=True)
class Block:
    """Statements in a loop, in a mode, or in a function that is called."""

    kind: str
    body: "list[Statement | Block]"
    one: int
    other: int

    def write(self, program: "Program", names: Sequence[str], own: list[str], indent: str) -> None:
        """Append the lines to `program`, and what they bind to `own`."""
        if self.kind != "function":
            program.lines.append(indent + self.kind)
            program.write(self.body, names, own, indent + "    ")
            return
        number = program.made
        program.made += 1
        inner = [f"a{number}", f"b{number}"]
        given = [names[::-1][pick % len(names)] for pick in (self.one, self.other)]
        program.lines.append(f"{indent}def f{number}({', '.join(inner)}):")
        program.write(self.body, names, inner, indent + "    ")
        program.lines.append(f"{indent}    return {inner[-1]}")
        Statement(f"NEW = f{number}({', '.join(given)})", 0, 0, 1).write(program, names, own, indent)


@dataclass
class Program:
    """The text of a program as it is written."""

    lines: list[str] = field(default_factory=list)
    made: int = 0

    def write(self, body: "list[Statement | Block]", outer: Sequence[str], own: list[str], indent: str) -> None:
        """Append `body`, in a place that sees the names `outer` and has `own`."""
        for part in body:
            part.write(self, list(dict.fromkeys([*outer, *own])), own, indent)


def _words(template: str) -> list[str]:
    """The parts of a template, names apart from what is between them."""
    found, word = [], ""
    for character in template:
        if not (character.isalnum() or character == "_"):
            found += [word, character]
            word = ""
        else:
            word += character
    return [*found, word]


def _parts(table: str) -> list[str]:
    return [part.strip() for line in table.strip().splitlines() for part in line.split("|")]


def _source(start: list[str], body: "list[Statement | Block]") -> str:
    program = Program(["import torch", "torch.manual_seed(0)"])
    own: list[str] = []
    for expression in start:
        Statement(f"NEW = {expression}", 0, 0, 0).write(program, ["t0"], own, "")
    program.write(body, [], own, "")
    text = "\n".join(program.lines)
    used = [lines.strip() for word, lines in USED.items() if word in _words(text)]
    return "\n".join([*program.lines[:2], *used, *program.lines[2:], "error = None", "last = 1"])


_picks = st.integers(0, 5)
_templates = st.one_of(
    st.sampled_from([f"NEW = {expression}" for expression in _parts(MADE)]),
    st.sampled_from(_parts(WRITTEN)),
    st.sampled_from([f"NEW = {expression}" for expression in _parts(MADE)]),
    st.sampled_from(_parts(WRITTEN)),
    st.sampled_from(_parts(BACKWARD)),
)
_statements = st.builds(Statement, _templates, _picks, _picks, st.integers(0, 20))
_bodies = st.recursive(
    st.lists(_statements, min_size=1, max_size=3),
    lambda bodies: st.lists(
        _statements | st.builds(Block, st.sampled_from(BLOCKS), bodies, _picks, _picks), min_size=1, max_size=3
    ),
    max_leaves=3,
)
programs = st.builds(
    _source,
    st.lists(st.sampled_from(START), min_size=2, max_size=2),
    st.lists(
        st.one_of(
            _statements, _statements, _statements, st.builds(Block, st.sampled_from(BLOCKS), _bodies, _picks, _picks)
        ),
        min_size=1,
        max_size=10,
    ),
)
