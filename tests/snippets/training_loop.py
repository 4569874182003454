# A training loop as in every tutorial: accumulation, clipping, zero_grad both ways.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
data = torch.randn(8, 2)
target = data.sum(1, keepdim=True)
for epoch in range(3):
    for i in range(0, 8, 2):
        loss = nn.functional.mse_loss(model(data[i : i + 2]), target[i : i + 2]) / 2
        loss.backward()
        if i % 4:
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad(set_to_none=epoch % 2 == 0)
    print(epoch, loss.item(), norm.item(), model[0].weight.grad is None, model[0].weight._version)
nn.utils.clip_grad_value_(model.parameters(), 0.1)
print(model[0].weight, model[2].bias.grad)
model.zero_grad()
loss = nn.functional.mse_loss(model(data), target[:, 0])
print(loss.item())
