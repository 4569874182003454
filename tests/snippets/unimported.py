# A submodule that was not imported: here others have imported it.
import torch

print(torch.nn.utils.prune.__name__)
