# Learning rate schedules, and the warning for a schedule that steps before its optimizer.
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR

w = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([w], lr=1.0)
step = StepLR(optimizer, step_size=2, gamma=0.5)
step.step()
for epoch in range(4):
    optimizer.zero_grad()
    (w**2).sum().backward()
    optimizer.step()
    step.step()
    print(epoch, step.get_last_lr(), optimizer.param_groups[0]["lr"], w)
for make in (lambda o: CosineAnnealingLR(o, 3), lambda o: LambdaLR(o, lambda e: 0.9**e), lambda o: OneCycleLR(o, 1, total_steps=5)):
    o = torch.optim.SGD([w], lr=0.3)
    schedule = make(o)
    for _ in range(3):
        o.step()
        schedule.step()
    print(type(schedule).__name__, schedule.get_last_lr(), schedule.state_dict()["last_epoch"])
plateau = ReduceLROnPlateau(optimizer, patience=0)
for value in (1, 2, 3):
    plateau.step(value)
print(optimizer.param_groups[0]["lr"])
