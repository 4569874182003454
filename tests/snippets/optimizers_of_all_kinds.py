"""Optimizers read their parameters beside the observer, all but the first time."""
import torch

torch.manual_seed(0)
x, y = torch.randn(8, 3), torch.randn(8, 1)
for name in ("SGD", "Adam", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Rprop", "Adadelta", "ASGD"):
    for options in ({}, {"foreach": True}, {"maximize": True}):
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.01, **options)
        for step in range(3):
            optimizer.zero_grad(set_to_none=step != 1)
            loss = (net(x) - y).pow(2).mean()
            loss.backward()
            optimizer.step()
        print(name, options, loss.item(), [p.grad.sum().item() for p in net.parameters()])
        optimizer.zero_grad()
        print([p.grad for p in net.parameters()], sorted(optimizer.state_dict()["state"].get(0, {})))
