"""On its own process and on what runs beside: bombs, loops, lies, poison, and torch itself."""

from tests.attacks.attack import contained, denied, stopped

BOMBS = (
    stopped("fork without end", "while True:\n    try: os.fork()\n    except OSError: pass", "time"),
    stopped(
        "threads without end",
        "import threading\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(9,)).start()\n    except RuntimeError: pass",
        "time",
    ),
    stopped("memory in one piece", "import torch\nkept = torch.ones(2**30)", "memory"),
    stopped(
        "memory in pieces", "import torch\nkept = []\nwhile True: kept.append(torch.ones(2**22))", "memory", "time"
    ),
    stopped("memory in Python", "kept = []\nwhile True: kept.append(bytearray(2**22))", "memory", "time"),
    stopped(
        "mapped memory",
        "import mmap\nkept = []\nwhile True: kept.append(mmap.mmap(-1, 2**26)); kept[-1].write(b'x' * 2**26)",
        "memory",
        "time",
        "crash",
    ),
    stopped("output without end", "while True: print('x' * 1000)", "output"),
    stopped("errors without end", "while True: sys.stderr.write('x' * 1000)", "output"),
    stopped("a loop", "while True: pass", "time"),
    stopped("a loop in C", "sum(iter(int, 1))", "time"),
    stopped(
        "a sort in C",
        "import random\nwhile True: sorted(range(10**6), key=lambda _: random.random())",
        "time",
        "memory",
    ),
    stopped("a large power", "x = 7 ** (7 ** 9)", "time"),
    stopped("a regular expression that backtracks", "import re\nre.match('(a+)+$', 'a' * 64 + 'b')", "time"),
    stopped("a product of large matrices", "import torch\na = torch.ones(4000, 4000)\nwhile True: a = a @ a", "time"),
    stopped("sleep", "time.sleep(1000)", "time"),
    stopped(
        "ignore every signal",
        "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        "time",
    ),
    stopped(
        "block every signal",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
        "time",
    ),
    stopped(
        "swallow every exception",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "time",
    ),
    stopped(
        "a finalizer without end", "class A:\n    def __del__(self):\n        while True: pass\na = A()\ndel a", "time"
    ),
    stopped(
        "an exit function without end", "import atexit\natexit.register(lambda: [None for _ in iter(int, 1)])", "time"
    ),
    stopped("a repr without end", "class A:\n    def __repr__(self):\n        while True: pass\nprint(A())", "time"),
    stopped(
        "the message of an exception without end",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        "time",
    ),
    stopped(
        "a backward hook without end",
        "import torch\nw = torch.ones(1, requires_grad=True)\nw.register_hook(lambda g: [None for _ in iter(int, 1)])\nw.sum().backward()",
        "time",
    ),
    stopped("a segmentation fault", "ctypes.string_at(0)", "crash"),
    stopped("abort", "libc.abort()", "crash"),
    stopped("an end without answer", "os._exit(0)", "crash"),
    stopped(
        "a stack without end in C",
        "import ctypes\nf = ctypes.CFUNCTYPE(None)(lambda: f())\nsys.setrecursionlimit(10**9)\nf()",
        "crash",
        "memory",
        "time",
    ),
    stopped("a jump to nowhere", "ctypes.CFUNCTYPE(None)(1)()", "crash"),
    stopped("garbage in Python's own memory", "ctypes.memset(id(0), 255, 32)\nprint(0 + 0)", "crash", "time", "memory"),
)
PROTOCOL = (
    stopped("close every descriptor", "os.closerange(0, 64)", "crash", "time"),
    stopped("flood the answer", "while True: os.write(4, b'A' * 65536)", "size", "crash", "time"),
    stopped(
        "a frame that announces gigabytes",
        "os.write(4, b'A' + (2**32 - 1).to_bytes(4, 'little'))\ntime.sleep(1000)",
        "size",
        "crash",
        "time",
    ),
    stopped(
        "an answer of another kind", "os.write(4, b'Z' + (1).to_bytes(4, 'little') + b'x')\ntime.sleep(1000)", "crash"
    ),
    stopped("half an answer", "os.write(4, b'A' + (100).to_bytes(4, 'little') + b'x')\nos._exit(0)", "crash"),
    stopped("an empty answer", "os.write(4, b'A' + (0).to_bytes(4, 'little'))\ntime.sleep(1000)", "crash"),
    stopped(
        "an answer that is text", "os.write(4, b'A' + (5).to_bytes(4, 'little') + b'hello')\ntime.sleep(1000)", "crash"
    ),
    stopped(
        "an answer of nested lists",
        "os.write(4, b'A' + (60000).to_bytes(4, 'little') + b'\\x91' * 60000)\ntime.sleep(1000)",
        "crash",
    ),
    stopped(
        "a pickle",
        "import pickle\ndata = pickle.dumps(print)\nos.write(4, b'A' + len(data).to_bytes(4, 'little') + data)\ntime.sleep(1000)",
        "crash",
    ),
    stopped(
        "an answer that drips", "os.write(4, b'A\\xff\\xff\\0\\0')\nwhile os.write(4, b'.'): time.sleep(0.01)", "time"
    ),
    stopped(
        "an answer after its time",
        "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\ntime.sleep(1)\nos.write(4, b'A')\ntime.sleep(1000)",
        "time",
    ),
    stopped("two answers", "os.write(4, (b'A' + (1).to_bytes(4, 'little') + b'\\x80') * 2)\ntime.sleep(1000)", "crash"),
    stopped("read the request again", "os.read(3, 1)\nos.read(3, 1)\ntime.sleep(1000)", "time"),
    contained(
        "write where nothing is",
        "for d in (0, 1, 2, 5, 6, 7):\n    try: os.write(d, b'x' * 1000)\n    except OSError: pass",
    ),
)
POISON = (
    contained(
        "patch torch",
        "import torch\ntorch.ones = lambda *a, **k: None\ntorch.Tensor.backward = lambda *a: print('mine')",
    ),
    contained(
        "patch builtins",
        "import builtins\nbuiltins.len = lambda _: 0\nbuiltins.print = None\nbuiltins.isinstance = lambda *_: True",
    ),
    contained("patch os.write", "os.write = lambda *_: 0"),
    contained("patch the encoder", "import msgspec\nmsgspec.msgpack.Encoder = None\nmsgspec.msgpack.encode = None"),
    contained("patch our own modules", "import app.worker.report as r\nr.Report.trace = lambda *a: None"),
    contained("empty sys.modules", "sys.modules.clear()"),
    contained(
        "another seed", "import torch, random, numpy\ntorch.manual_seed(7); random.seed(7); numpy.random.seed(7)"
    ),
    contained(
        "another default type", "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)"
    ),
    contained("the environment", "os.environ['PYTHONPATH'] = '/tmp'\nos.environ['LD_PRELOAD'] = '/tmp/x.so'"),
    contained(
        "walk the heap to the recorder",
        "import gc\nfound = [o for o in gc.get_objects() if type(o).__name__ == 'Recorder']\nfor o in found:\n    o.operations.append('lie')\n    o.truncated = None",
    ),
    contained("walk the frames", "f = sys._getframe()\nwhile f.f_back: f = f.f_back\nf.f_globals.clear()"),
    contained("drop the frozen heap", "import gc\ngc.unfreeze()\ngc.collect()"),
    contained("collect without end", "import gc\ngc.set_threshold(1)\nx = [[] for _ in range(10000)]"),
    contained("switch tracing off", "sys.settrace(None)\nsys.setprofile(None)"),
    contained(
        "overwrite the notes of the line",
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, memoryview) and not o.readonly:\n        try: o[0] = 2**62\n        except (ValueError, TypeError, IndexError): pass",
    ),
    contained(
        "a display hook and an exception hook",
        "sys.excepthook = lambda *_: os._exit(9)\nsys.displayhook = None\nraise ValueError('<b>')",
    ),
    contained(
        "names that are markup",
        "import torch\nglobals()['<script>alert(1)</script>'] = torch.ones(2, requires_grad=True)\nglobals()['{{ 7 * 7 }}'] = torch.ones(1)",
    ),
    contained(
        "a class whose name is markup",
        "T = type('<img src=x onerror=alert(1)>', (Exception,), {})\nraise T('</pre><script>alert(1)</script>')",
    ),
    contained(
        "control and bidirectional characters",
        "print('\\x00\\x1b[31m\\u202e\\u2066\\ufeff\\x08')\nraise ValueError('\\u202etxt.exe\\x07')",
    ),
    contained("a lone surrogate", "print('\\ud800')"),
    contained("bytes past the text stream", "sys.stdout.buffer.write(bytes(range(256)))"),
    contained("a megabyte of a name", "globals()['n' * 2**20] = __import__('torch').ones(1)"),
    contained("an exit with a huge message", "sys.exit('x' * 10**6)"),
)
TORCH = (
    denied(
        "a pickle that runs",
        "import torch, io, pickle\nclass P:\n    def __reduce__(self): return (os.system, ('true',))\nb = io.BytesIO(pickle.dumps(P()))\nassert torch.load(b, weights_only=False) != 0, 'ran'\nraise OSError('ran to nothing')",
    ),
    denied("save a file", "import torch\ntorch.save(torch.ones(1), '/tmp/tapescope-tensor.pt')\ngot('saved')"),
    denied("a file as a storage", "import torch\ngot(torch.from_file('/tmp/tapescope-storage', shared=True, size=4))"),
    contained(
        "compile by the inductor",
        "import torch\nf = torch.compile(lambda x: x.sin() + 1)\nassert not f(torch.ones(3)).isnan().any()",
    ),
    denied(
        "an extension in C++",
        "from torch.utils.cpp_extension import load_inline\ngot(load_inline('x', 'int f() { return 1; }', functions=['f']))",
    ),
    denied("load a library", "import torch\ntorch.ops.load_library('/tmp/x.so')\ngot('loaded')"),
    denied(
        "more threads of torch",
        "import torch\ntorch.set_num_threads(8)\na = torch.ones(2000, 2000)\n(a @ a).sum()\nimport threading\nassert threading.active_count() > 1, 'one thread'\ngot('threads')",
    ),
    denied(
        "a loader with workers",
        "import torch\nfor _ in torch.utils.data.DataLoader(range(4), num_workers=2): pass\ngot('workers')",
    ),
    contained(
        "a giant expanded tensor",
        "import torch\na = torch.ones(1, requires_grad=True).expand(2**40)\nb = torch.ones(1).as_strided((2**30, 2**30), (0, 0))",
    ),
    contained(
        "a giant sparse tensor",
        "import torch\na = torch.sparse_coo_tensor([[0], [0]], [1.], (2**40, 2**20), check_invariants=False)",
    ),
    contained(
        "a nested tensor",
        "import torch, warnings\nwarnings.simplefilter('ignore')\na = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    ),
    contained(
        "complex numbers that are none",
        "import torch\na = torch.tensor([complex('nan'), complex('inf'), 1j], requires_grad=True)\n(a * a.conj()).abs().sum().backward()",
    ),
    contained("a tensor of sixty-four dimensions", "import torch\na = torch.ones([1] * 64)"),
    contained("an empty shape of large sizes", "import torch\na = torch.empty(2**30, 0, 2**30)"),
    contained(
        "a graph of fifty thousand nodes",
        "import torch\nw = torch.ones(1, requires_grad=True)\ny = w\nfor _ in range(50_000): y = y + 1\ny.backward()",
    ),
    contained(
        "ten thousand hooks",
        "import torch\nw = torch.ones(1, requires_grad=True)\nfor _ in range(10_000): w.register_hook(lambda g: g)\n(w * 2).backward()",
    ),
    contained(
        "ten thousand tensors by name", "import torch\nfor i in range(10_000): globals()[f't{i}'] = torch.ones(1)"
    ),
    contained(
        "a subclass that lies",
        "import torch\nclass L(torch.Tensor):\n    @property\n    def shape(self): return 'lie'\n    def data_ptr(self): return 1\n    def __len__(self): return -1\nx = torch.ones(3).as_subclass(L)",
    ),
    contained(
        "a dispatch mode that lies",
        "import torch\nfrom torch.utils._python_dispatch import TorchDispatchMode\nclass M(TorchDispatchMode):\n    def __torch_dispatch__(self, f, t, a=(), k=None): return 42\nM().__enter__()\nx = torch.ones(2)",
    ),
    contained("freed memory under a tensor", "import torch\na = torch.ones(1000)\na.untyped_storage().resize_(0)"),
    contained(
        "an address of its own",
        "import torch\nbuf = (ctypes.c_float * 4)()\na = torch.frombuffer(buf, dtype=torch.float32)\nctypes.memset(buf, 255, 16)",
    ),
)
