# print and sys.stdout in every way.
import contextlib
import io
import sys

import torch

print()
print("a", "b", sep="-", end="!\n", flush=True)
print("to stderr", file=sys.stderr)
sys.stdout.write("written\n")
sys.stdout.writelines(["one\n", "two\n"])
sys.stdout.flush()
print(sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.errors, sys.stdout.closed)
with contextlib.redirect_stdout(io.StringIO()) as text:
    print("hidden", torch.ones(1))
print(repr(text.getvalue()))
sys.stdout.buffer.write("bytes é\n".encode())
sys.stdout.flush()
print("crlf\r\n", "nul\x00", "\ttab")
torch.set_printoptions(precision=2, sci_mode=False, threshold=5)
print(torch.linspace(0, 1, 100), torch.tensor([1e-8, 1e8]))
print(f"{torch.tensor(3.14159):.3f}", str(torch.tensor([1])), repr(torch.nn.Parameter(torch.ones(1))))
print(torch.ones(2, requires_grad=True) * 2, torch.zeros(0), torch.tensor(1.0, dtype=torch.float64))
try:
    sys.stdout.write(b"no")
except TypeError as error:
    print(error)
print(sys.stdout.name, sys.stdout.mode, sys.stdout.line_buffering)
