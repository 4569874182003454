# match, while/else, for/else, try/finally, walrus, continue, break, nested loops.
import torch


def kind(value):
    match value:
        case torch.Tensor(requires_grad=True):
            return "leaf"
        case [x, *rest] if rest:
            return f"list of {1 + len(rest)}"
        case _:
            return "other"


print(kind(torch.ones(1, requires_grad=True)), kind([1, 2]), kind(3))
i = 0
while (i := i + 1) < 10:
    if i % 2:
        continue
    for j in range(3):
        if j == i - 1:
            break
        try:
            if j == 1:
                continue
        finally:
            print("finally", i, j)
    else:
        print("no break", i)
x, *y = torch.arange(3)
print(x, y, "a" if x else "b", [k for k in range(3) if k != 1])
for t in torch.eye(2): print(t); t += 1
if x == 0: print("zero"); z = 1
elif x == 1: print("one")
else: print("none")
lines = [torch.ones(1)
    + 1]
print(lines); del lines, x; assert i, "no"
