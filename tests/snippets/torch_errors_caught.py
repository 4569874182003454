# try and except around torch's errors, with else, finally, and cleaning up.
import torch

x = torch.ones(2, 3, requires_grad=True)
for attempt in range(4):
    try:
        if attempt == 0:
            x @ x
        elif attempt == 1:
            x.view(4)
        elif attempt == 2:
            x[5]
        y = x * attempt
    except (RuntimeError, IndexError) as error:
        print(attempt, type(error).__name__, error)
    else:
        print("fine", y.sum().item())
    finally:
        print("finally", attempt)
for attempt in (
    lambda: torch.tensor([1, "a"]),
    lambda: torch.nothing,
    lambda: x.nothing,
    lambda: torch.ones(2).add("a"),
    lambda: torch.ones(2, dtype="float"),
    lambda: torch.nn.Linear("a", 2),
):
    try:
        attempt()
    except (TypeError, AttributeError) as error:
        print(type(error).__name__, error)
try:
    raise ExceptionGroup("several", [ValueError("a"), TypeError("b")])
except* ValueError as group:
    print(group.exceptions)
except* TypeError as group:
    print("types", group.exceptions)
