# RNN, LSTM and GRU with packed sequences.
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(0)
x = torch.randn(2, 4, 3, requires_grad=True)
for kind in (nn.RNN, nn.LSTM, nn.GRU):
    net = kind(3, 2, num_layers=2, batch_first=True, bidirectional=True)
    out, state = net(x)
    out.sum().backward()
    print(kind.__name__, out.shape, out.sum(), x.grad.norm(), net.weight_hh_l1.grad.norm())
    x.grad = None
packed = pack_padded_sequence(x, torch.tensor([4, 2]), batch_first=True)
out, (h, c) = nn.LSTM(3, 2, batch_first=True)(packed)
padded, lengths = pad_packed_sequence(out, batch_first=True)
print(padded, lengths, h.shape)
padded.sum().backward()
print(x.grad[1])
nn.LSTM(3, 2, dropout=0.5)
cell = nn.LSTMCell(3, 2)
hx = cx = torch.zeros(2, 2)
for t in range(4):
    hx, cx = cell(x[:, t], (hx, cx))
hx.sum().backward()
print(cell.weight_ih.grad.shape, x.grad.sum())
