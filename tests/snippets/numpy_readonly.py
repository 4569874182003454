# torch warns of an array that may not be written; the copy of a list of arrays is slow and says so.
import numpy as np
import torch

frozen = np.arange(3.0)
frozen.flags.writeable = False
t = torch.from_numpy(frozen)
print(t, t.dtype)
t[0] = 5
print(frozen)
buffer = bytearray(b"\x00\x00\x80\x3f\x00\x00\x00\x40")
f = torch.frombuffer(buffer, dtype=torch.float32)
buffer[3] = 0x41
print(f, f._version)
f.zero_()
print(buffer)
view = memoryview(buffer).cast("f")
view[1] = 2.5
print(f)
