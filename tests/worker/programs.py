"""Random small programs over views, writes, backwards and modes: what nobody would think of writing."""

from random import Random

START = [
    "torch.rand(2, 3, requires_grad=True)",
    "torch.ones(2, 3)",
    "torch.rand(2, 3)",
    "torch.rand(3, requires_grad=True)",
]
MADE = """
    A * 2|A + B|A * B|A.exp()|A.sigmoid()|A.detach()|A.data|A.clone()|A.view(-1)|A.t()|A[0]|A[..., :1]|A.sum()
    A.reshape(3, -1)|A.expand(2, *A.shape)|A.relu()|A.pow(2)|torch.from_numpy(A.detach().numpy())|A.softmax(-1)
    torch.from_dlpack(A.detach())|A.unsqueeze(0)|A.flatten()[::2]|torch.cat([A.flatten(), B.flatten()])|A.max()
    torch.where(A > 0.5, A, B)|A.mean()|A.double()|A.float()|A.requires_grad_()|A.contiguous()|A.squeeze()
    A.diagonal()|A.narrow(0, 0, 1)|A.as_strided((2,), (1,))|A.chunk(2)[0]|A.unbind(0)[-1]|A @ B.t()|A.view_as(B)
    torch.nn.Parameter(A.detach())|A.cumsum(0)|A.clamp(0.2, 0.8)|torch.stack([A, A])|A.sort().values
"""
WRITTEN = """
    A.add_(1)|A.mul_(B)|A[0] = 3|A += B|A.zero_()|A.copy_(B)|A.data.mul_(2)|A.detach().add_(1)|A.detach_()|A.t_()
    A.data = B.data.clone()|A.unsqueeze_(0)|A.clamp_(0, 1)|A.sqrt_()|A.detach().numpy()[...] = 2|A.retain_grad()
    A.untyped_storage().fill_(0)|A.requires_grad_(False)|A.grad = None|A.masked_fill_(A > 0.5, 0)|A.set_(B)
    A.resize_(4).zero_()|torch.relu_(A)|A.index_fill_(0, torch.tensor([0]), 1.)|A.fill_diagonal_(1)|del A.grad
"""
BACKWARD = """
    A.sum().backward(retain_graph=True)|A.sum().backward()|A.pow(2).sum().backward(retain_graph=True)
    A.sum().backward(create_graph=True)
    print(torch.autograd.grad(A.sum(), B, retain_graph=True, allow_unused=True))
"""
SHOWN = "print(A._version, A.grad_fn and A.grad_fn.name(), A.is_leaf, A.requires_grad, A)"
MODES = ["", "", "", "", "", "", "", "with torch.no_grad(): ", "with torch.inference_mode(): "]


def program(seed: int, statements: int = 16) -> str:
    """The source of a program of so many statements. Each may fail: then it says so, and the program goes on."""
    random = Random(seed)  # noqa: S311  # programs, not secrets
    lines = ["import torch", f"torch.manual_seed({seed})"]
    names = ["t0", "t1"]
    lines += [f"{name} = {random.choice(START)}" for name in names]
    for _ in range(statements):
        kind = random.choices([MADE, WRITTEN, BACKWARD, SHOWN], [10, 7, 2, 1])[0]
        one, other = (random.choice(names[-6:]) for _ in "AB")
        statement = random.choice([part.strip() for line in kind.strip().splitlines() for part in line.split("|")])
        statement = statement.replace("A", one).replace("B", other)
        if kind is MADE:
            names.append(f"t{len(names)}")
            statement = f"{names[-1]} = {statement}"
        lines += ["try:", f"    {random.choice(MODES)}{statement}", "except Exception as error:", "    print(error)"]
        if kind is MADE:
            lines += ["    " + f"{names[-1]} = torch.rand(2, 3)", f"if {names[-1]}.numel() > 60: {names[-1]} = t0"]
    return "\n".join([*lines, "error = None", "last = 1"])
