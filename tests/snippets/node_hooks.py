# Hooks on nodes, before and after; the reader's own see what they would see without us.
import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x.exp()
z = y.sum()
node = y.grad_fn
h1 = node.register_prehook(lambda grads: print("pre", grads) or (grads[0] * 2,))
h2 = node.register_hook(lambda ins, outs: print("post", ins, outs) or (ins[0] + 1,))
leaf = node.next_functions[0][0]
h3 = leaf.register_prehook(lambda grads: print("leaf pre", grads))
h4 = leaf.register_hook(lambda ins, outs: print("leaf post", ins, outs))
z.backward(retain_graph=True)
print(x.grad)
for handle in (h1, h2, h3, h4):
    handle.remove()
z.backward()
print(x.grad, node.name(), y.grad_fn is node)
node.metadata["mine"] = 1
print(node.metadata.get("mine"), len([k for k in node.metadata if k == "mine"]))
