# MultiheadAttention in training, then the encoder layer's fast path in eval under no_grad.
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 4, requires_grad=True)
attention = nn.MultiheadAttention(4, 2, batch_first=True)
out, weights = attention(x, x, x)
out.sum().backward()
print(out, weights.sum(-1), x.grad.norm(), attention.in_proj_weight.grad.norm())
layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1)
trained = layer(x)
trained.sum().backward()
print(trained.sum(), layer.linear1.weight.grad.norm())
layer.eval()
with torch.no_grad():
    fast = layer(x)
    mask = torch.tensor([[False, False, True], [False, False, False]])
    masked = nn.TransformerEncoder(layer, 2)(x, src_key_padding_mask=mask)
    print(fast, masked.shape, attention.eval()(x, x, x, need_weights=False)[0].sum())
print(layer(x.detach()).grad_fn is not None)
q = torch.randn(1, 2, 3, 4, requires_grad=True)
att = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
att.sum().backward()
print(att.grad_fn.name(), q.grad.sum())
causal = nn.Transformer.generate_square_subsequent_mask(3)
print(causal)
