# One leaf in several places: its gradient is the sum.
import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.out = nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight
        self.block = nn.Linear(3, 3)
        self.blocks = nn.ModuleList([self.block, self.block, nn.Linear(3, 3)])

    def forward(self, tokens):
        h = self.embed(tokens)
        for block in self.blocks:
            h = block(h).tanh()
        return self.out(h)


torch.manual_seed(0)
model = Tied()
logits = model(torch.tensor([1, 2]))
logits.logsumexp(-1).sum().backward()
print(model.out.weight is model.embed.weight, len(list(model.parameters())), len(model.state_dict()))
for name, p in model.named_parameters(remove_duplicate=False):
    print(name, p.grad.norm())
print(model)
