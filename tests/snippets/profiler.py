# The profiler starts a thread of its own.
import torch

with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as p:
    x = torch.ones(2, 2, requires_grad=True)
    (x @ x.t()).sum().backward()
print(sorted((e.key, e.count) for e in p.key_averages() if e.key.startswith("aten::")))
