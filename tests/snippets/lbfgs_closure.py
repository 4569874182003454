# LBFGS calls its closure several times a step.
import torch

w = torch.tensor([-1.2, 1.0], requires_grad=True)
optimizer = torch.optim.LBFGS([w], lr=0.1, max_iter=5, line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    loss.backward()
    return loss


for _ in range(3):
    print(optimizer.step(closure).item(), calls)
print(w, w.grad, w._version)
