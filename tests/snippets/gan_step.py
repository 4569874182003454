# Generator and discriminator steps, with and without detach.
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
G, D = nn.Linear(2, 3), nn.Linear(3, 1)
g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
real = torch.randn(4, 3)
for step in range(2):
    fake = G(torch.randn(4, 2))
    d_loss = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
    d_opt.zero_grad()
    d_loss.backward()
    print(G.weight.grad is None or G.weight.grad.abs().sum() >= 0)
    d_opt.step()
    g_loss = F.softplus(-D(fake)).mean()
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()
    print(step, d_loss.item(), g_loss.item(), G.weight.grad.norm().item(), D.weight.grad.norm().item())
fake = G(torch.randn(4, 2))
g_loss = F.softplus(-D(fake)).mean()
d_loss = F.softplus(D(fake)).mean()
g_loss.backward(retain_graph=True)
d_opt.step()
d_loss.backward()
