# Views share memory and counter; a write through one moves all.
import torch

base = torch.arange(24.0).reshape(2, 3, 4)
views = {
    "slice": base[:, 1:],
    "step": base[..., ::2],
    "index": base[1],
    "transpose": base.transpose(0, 2),
    "permute": base.permute(2, 0, 1),
    "narrow": base.narrow(1, 0, 2),
    "select": base.select(0, 1),
    "view": base.view(4, 6),
    "flatten": base.flatten(),
    "unflatten": base.flatten().unflatten(0, (4, 6)),
    "unsqueeze": base.unsqueeze(0),
    "squeeze": base[:1].squeeze(0),
    "diagonal": base.diagonal(dim1=1, dim2=2),
    "as_strided": torch.as_strided(base, (2, 2), (1, 3), 5),
    "unfold": base.unfold(2, 2, 1),
    "expand": base[:1].expand(5, 3, 4),
    "movedim": base.movedim(0, -1),
    "T": base[0].T,
    "mT": base.mT,
    "view_as": base.view_as(torch.empty(6, 4).t().t().reshape(2, 3, 4)),
    "alias": torch.ops.aten.alias(base),
    "ellipsis": base[...],
    "none": base[None],
    "swapaxes": base.swapaxes(0, 1),
}
for name, view in views.items():
    print(name, tuple(view.shape), view.stride(), view.storage_offset(), view._is_view(), view._base is base)
base.add_(1)
views["diagonal"].mul_(-1)
print({view._version for view in views.values()}, base._version, base.sum())
