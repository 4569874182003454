# autograd.grad: unused inputs, several outputs, grad_outputs, is_grads_batched, edges.
import torch

a = torch.tensor([1.0, 2.0], requires_grad=True)
b = torch.tensor([3.0, 4.0], requires_grad=True)
c = torch.zeros(2, requires_grad=True)
h = a * b
y = h.sum()
print(torch.autograd.grad(y, [a, c], allow_unused=True, retain_graph=True))
print(torch.autograd.grad(y, [a, c], retain_graph=True, materialize_grads=True))
try:
    torch.autograd.grad(y, [a, c], retain_graph=True)
except RuntimeError as error:
    print(error)
print(torch.autograd.grad([y, h], [a, h], grad_outputs=[None, torch.tensor([1.0, 10.0])], retain_graph=True))
print(torch.autograd.grad(h, b, torch.eye(2), is_grads_batched=True, retain_graph=True))
edge = torch.autograd.graph.get_gradient_edge(h)
print(torch.autograd.grad(y, edge, retain_graph=True), edge.output_nr)
torch.autograd.backward([y, h], [None, torch.ones(2)], inputs=[a], retain_graph=True)
print(a.grad, b.grad, c.grad)
y.backward(inputs=[b])
print(a.grad, b.grad, a._version)
