# No threads in the sandbox.
import threading

import torch

results = []
thread = threading.Thread(target=lambda: results.append(torch.ones(1)))
thread.start()
thread.join()
print(results)
