# A DataLoader in this process.
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split


class Squares(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return torch.tensor([float(i)]), i * i


torch.manual_seed(0)
for x, y in DataLoader(Squares(), batch_size=4, shuffle=True):
    print(x, y)
one, two = random_split(TensorDataset(torch.arange(5)), [3, 2])
print([t.item() for (t,) in one], len(two))
print(next(iter(DataLoader([{"a": torch.ones(1), "b": 2}] * 2, batch_size=2))))
