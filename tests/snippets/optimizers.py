# Several optimizers, momentum and state, one after another.
import torch

for kind, options in [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (torch.optim.Adam, {"lr": 0.1, "amsgrad": True}),
    (torch.optim.AdamW, {"lr": 0.1, "foreach": True}),
    (torch.optim.RMSprop, {"lr": 0.01, "centered": True}),
    (torch.optim.Adagrad, {"lr": 0.1}),
    (torch.optim.SGD, {"lr": 0.1, "fused": True}),
    (torch.optim.NAdam, {}),
    (torch.optim.Rprop, {}),
]:
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    b = torch.nn.Parameter(torch.zeros(1))
    optimizer = kind([{"params": [w]}, {"params": [b], "lr": 0.05}], **options)
    for step in range(3):
        optimizer.zero_grad()
        loss = (w * torch.tensor([1.0, 2.0]) + b).pow(2).sum()
        loss.backward()
        optimizer.step()
    print(kind.__name__, loss.item(), w, b, w._version, w.grad, sorted(optimizer.state[w]))
print(optimizer, len(optimizer.state_dict()["state"]))
