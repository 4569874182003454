# Anomaly mode tells the forward line of the operator whose backward failed.
import torch

x = torch.tensor([0.0, 1.0], requires_grad=True)
with torch.autograd.detect_anomaly(check_nan=False):
    y = x.exp()
    z = y.sum()
    y.mul_(2)
    try:
        z.backward()
    except RuntimeError as error:
        print("refused")
torch.autograd.set_detect_anomaly(True)
w = torch.sqrt(x * 0)
(w * 0).sum().backward()
