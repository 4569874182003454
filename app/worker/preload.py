"""Imports and first touches that would cost every snippet time, or that a jailed child could no longer make.

The first optimizer of a process imports 823 modules in 1.3 s; a child may read few files. Forward passes only:
no backward runs before the fork. Nothing here may start a thread.
"""

import importlib
import random
import tempfile
import warnings

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_SEED = 0

_MODULES = """
    torch.nn torch.nn.functional torch.optim torch.optim.lr_scheduler torch.optim.swa_utils
    torch.autograd.functional torch.autograd.gradcheck torch.autograd.graph torch.autograd.forward_ad
    torch.autograd.anomaly_mode torch.autograd.profiler
    torch.utils.checkpoint torch.utils._python_dispatch torch.utils.data torch.utils.dlpack torch.utils.hooks
    torch.overrides torch.func torch.distributions torch.nn.utils.parametrizations torch.nn.utils.parametrize
    torch.nn.utils.rnn torch.nn.utils.stateless torch.fft torch.linalg torch.special torch.amp torch.testing
    torch._subclasses torch._subclasses.fake_tensor torch._dynamo torch._decomp.decompositions_for_jvp torch.profiler
    torch.nn.utils.prune torch.utils.benchmark torch.utils.flop_counter numpy.random numpy.linalg numpy.fft
    abc argparse base64 bisect calendar collections.abc contextlib copy csv ctypes dataclasses datetime decimal enum
    fractions functools gc getopt glob hashlib heapq html inspect io itertools json linecache logging math
    multiprocessing.queues numbers operator os.path pathlib pickle platform pprint queue random re secrets shutil
    statistics string struct subprocess sys tempfile textwrap threading time timeit tokenize traceback types typing
    unicodedata urllib.parse uuid warnings weakref zlib _strptime
    encodings.ascii encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_32 encodings.cp1252
    importlib.readers importlib.resources
""".split()


def preload() -> None:
    """Import ahead, touch ahead, and set every generator to a known state. Call once, before any fork."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    for name in _MODULES:
        importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _construct()
        with torch.no_grad():
            _touch()
    tempfile.tempdir = "/tmp"  # noqa: S108  # it would be looked for by writing; nothing can be written there
    seed()


def seed() -> None:
    """Set the generators of torch, numpy and `random` to a known state, which children inherit."""
    torch.manual_seed(_SEED)
    np.random.seed(_SEED)  # the generator that snippets use
    seed_again()


def seed_again() -> None:
    """What is left to do in a child: Python, of all three, draws a new seed at each fork.

    Seeding torch and numpy there too would copy 300 pages, over a millisecond of every run, and change nothing.
    """
    random.seed(_SEED)


def _construct() -> None:
    """What pulls in modules when it is first made rather than when it is imported."""
    weight = [torch.nn.Parameter(torch.ones(2))]
    for optimizer in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        optimizer(weight, lr=0.1)
    torch.optim.lr_scheduler.StepLR(torch.optim.SGD(weight, lr=0.1), step_size=1)
    with TorchDispatchMode(), TorchFunctionMode():  # type: ignore[no-untyped-call]  # torch leaves it untyped
        pass


def _touch() -> None:
    """Set up the kernels and tables that the first use of an operator makes."""
    functional = torch.nn.functional
    for tensor in (
        torch.tensor([1.0, float("nan")]),
        torch.arange(3),
        torch.ones(2, dtype=torch.complex64),
        torch.tensor([True]),
        torch.zeros(0),
        torch.rand(20, 200),
    ):
        repr(tensor)
    image = torch.rand(1, 1, 8, 8)
    functional.max_pool2d(torch.nn.BatchNorm2d(2)(torch.nn.Conv2d(1, 2, 3)(image)), 2)
    torch.nn.LSTM(4, 4)(torch.rand(2, 1, 4))
    torch.nn.TransformerEncoderLayer(8, 2, 16)(torch.rand(2, 1, 8))
    functional.cross_entropy(torch.nn.Linear(4, 3)(torch.rand(2, 4)), torch.tensor([0, 1]))
    torch.nn.Embedding(3, 4)(torch.tensor([0, 2]))
    square = torch.rand(16, 16) @ torch.rand(16, 16)
    torch.linalg.svd(square)
    torch.linalg.solve(square + 16 * torch.eye(16), torch.rand(16))
    torch.fft.fft(square)
    torch.special.expit(square)
    torch.einsum("ij,jk->ik", square, square)
    torch.func.vmap(torch.sin)(square)
    torch.distributions.Normal(0.0, 1.0).sample()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.from_numpy(square.numpy()).sum().item()
