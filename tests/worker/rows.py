"""Small runs for `test_trace_is_true.py`: each makes something that can be shared, saved or differentiated."""

ROWS = {
    "data": """
        a = torch.tensor([1., 2., 3.], requires_grad=True)
        out = a.sigmoid()
        c = out.data
        c.zero_()
        y = out.sum()
        y.backward()
    """,
    "detach, unread": """
        a = torch.tensor([1., 2.], requires_grad=True)
        out = a.exp()
        c = out.detach()
        d = c.data
        e = c.detach()
        loss = (a * 3).sum()
        loss.backward()
    """,
    "views": """
        x = torch.arange(6.).reshape(2, 3)
        row, column, flat, turned = x[1], x[:, 0], x.view(-1), x.t()
        wide = column.expand(4, 2)
        step = flat[::2]
        copy = x.contiguous().clone()
        same = x.contiguous()
        diagonal = x.diagonal()
        w = torch.ones(2, 3, requires_grad=True)
        y = (w * x).sum()
        y.backward()
    """,
    "numpy and DLPack": """
        import numpy as np
        array = np.arange(4, dtype=np.float32)
        one, two, part = torch.from_numpy(array), torch.from_numpy(array), torch.from_numpy(array[2:])
        first = torch.from_numpy(array[:2])
        back = torch.from_numpy(one.numpy())
        pack = torch.from_dlpack(one)
        mine = torch.zeros(3)
        its = torch.as_tensor(mine.numpy())
        w = torch.ones(4, requires_grad=True)
        y = (w * two).sum()
        y.backward()
    """,
    "pieces of an array before the whole": """
        import numpy as np
        array = np.arange(6, dtype=np.float32)
        left, right = torch.from_numpy(array[:2]), torch.from_numpy(array[4:])
        far = left.detach()
        whole = torch.from_numpy(array)
        w = torch.ones(6, requires_grad=True)
        y = (w * whole).sum()
        y.backward()
    """,
    "data assigned, set_ and Parameter": """
        p = torch.ones(3, requires_grad=True)
        q = torch.zeros(3)
        old = p.detach()
        p.data = q
        r = torch.nn.Parameter(p)
        s = torch.zeros(1)
        s.set_(q)
        t = s.detach()
        y = (p * r).sum()
        y.backward()
    """,
    "real and imaginary": """
        z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        r, i, k, pairs = z.real, z.imag, z.conj(), torch.view_as_real(z)
        d = z.detach().imag
        y = (r * i).sum() + (k * z).real.sum() + pairs.pow(2).sum()
        y.backward()
    """,
    "in place in the graph": """
        x = torch.tensor([1., 2., 3.], requires_grad=True)
        y = x * 2
        y += 1
        y[0] = 0
        y[1] *= 3
        v = y[1:]
        v.mul_(x[1:])
        z = y.exp().sum()
        z.backward()
    """,
    "unbind, split, stack, cat": """
        x = torch.arange(6., requires_grad=True)
        a, b, c = x.view(3, 2).unbind()
        d, e = x.split(3)
        s = torch.stack([a, c, a])
        k = torch.cat([d, e * 2, x])
        y = s.sum() + k.prod() + b.max()
        y.backward()
    """,
    "several outputs": """
        x = torch.tensor([[1., 5.], [3., 2.]], requires_grad=True)
        values, indices = x.max(dim=1)
        low, where = x.min(0)
        q, r = torch.linalg.qr(x)
        top = x.flatten().topk(2)
        y = values.sum() + low.prod() + r.sum() + top.values[1]
        y.backward()
    """,
    "broadcast": """
        x = torch.tensor([[1.], [2.]], requires_grad=True)
        b = torch.tensor([3., 4.], requires_grad=True)
        m = x * b
        n = m / b + x.expand(2, 2)
        y = n.mean() + (b @ b)
        y.backward()
    """,
    "indexing and masks": """
        x = torch.arange(1., 7., requires_grad=True)
        i = torch.tensor([0, 0, 2])
        a = x[i]
        b = x[x > 3]
        c = torch.where(x > 2, x, x * x)
        d = x.masked_fill(x < 3, 0.)
        e = x.gather(0, i)
        f = torch.zeros(3).scatter(0, i, a)
        g = x.clamp(2, 5).cumsum(0)
        y = a.sum() + b.prod() + c.sum() + d.sum() + e.sum() + f.sum() + g.sum()
        y.backward()
    """,
    "kept graph, twice": """
        x = torch.tensor([1., 2.], requires_grad=True)
        h = x.square()
        y, z = h.sum(), h.prod()
        y.backward(retain_graph=True)
        z.backward(retain_graph=True)
        y.backward()
    """,
    "autograd.grad": """
        x = torch.tensor([1., 2.], requires_grad=True)
        w = torch.tensor([3., 4.], requires_grad=True)
        h = x * w
        y = h.exp().sum()
        g, = torch.autograd.grad(y, h, retain_graph=True)
        (gw,) = torch.autograd.grad(y, [w])
    """,
    "hooks that change gradients": """
        x = torch.tensor([1., 2.], requires_grad=True)
        h = x * 3
        h.register_hook(lambda g: g * 10)
        x.register_hook(lambda g: g + 1)
        y = h.sum()
        y.backward()
    """,
    "a Function of the reader's": """
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, k):
                ctx.save_for_backward(x, k)
                return x ** 3, k
            @staticmethod
            def backward(ctx, g, h):
                x, k = ctx.saved_tensors
                return 3 * g * x * x, None
        x = torch.tensor([1., 2.], requires_grad=True)
        cube, k = Cube.apply(x, torch.ones(2))
        y = (cube * k).sum()
        y.backward()
    """,
    "a small network": """
        torch.manual_seed(0)
        from torch import nn
        net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2))
        x = torch.randn(2, 3)
        out = net(x)
        loss = nn.functional.cross_entropy(out, torch.tensor([0, 1]))
        loss.backward()
    """,
    "convolution and batch norm": """
        torch.manual_seed(0)
        from torch import nn
        net = nn.Sequential(nn.Conv2d(1, 1, 2), nn.BatchNorm2d(1), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten())
        x = torch.randn(2, 1, 3, 3, requires_grad=True)
        out = net(x)
        loss = out.pow(2).mean()
        loss.backward()
    """,
    "one leaf in two places": """
        w = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
        x = torch.tensor([1., -1.])
        h = torch.tanh(w @ x)
        out = w.t() @ h
        y = out.sum()
        y.backward()
    """,
    "embedding and attention": """
        torch.manual_seed(0)
        from torch import nn
        table = nn.Embedding(4, 2)
        h = table(torch.tensor([[1, 2, 1]]))
        att = nn.functional.scaled_dot_product_attention(h, h, h)
        y = att.log_softmax(-1).sum()
        y.backward()
    """,
    "recurrent": """
        torch.manual_seed(0)
        from torch import nn
        cell = nn.GRUCell(1, 2)
        h = torch.zeros(1, 2)
        for t in range(3):
            h = cell(torch.ones(1, 1), h)
        y = h.sum()
        y.backward()
    """,
    "no_grad and inference": """
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            a = x * 2
            v = x[:1]
        with torch.inference_mode():
            i = x * 3
            k = i[:1]
        y = (x * a).sum()
        y.backward()
    """,
    "foreach and out": """
        a, b = torch.ones(2), torch.zeros(2)
        u, v = torch._foreach_mul([a, b], 2)
        torch._foreach_add_([a, b], [u, v])
        torch.add(a, 1, out=b)
        w = torch.ones(2, requires_grad=True)
        y = (w * b).sum() * a.sum()
        y.backward()
    """,
    "double backward": """
        x = torch.tensor([1., 2.], requires_grad=True)
        y = (x ** 3).sum()
        g, = torch.autograd.grad(y, x, create_graph=True)
    """,
    "norms and losses": """
        import torch.nn.functional as F
        x = torch.tensor([[1., 2.], [0.5, -1.]], requires_grad=True)
        t = torch.tensor([[0., 1.], [1., 1.]])
        a = F.mse_loss(x, t)
        b = F.binary_cross_entropy_with_logits(x, t)
        c = F.smooth_l1_loss(x, t) + F.kl_div(x.log_softmax(1), t.softmax(1), reduction="batchmean")
        d = x.norm() + F.normalize(x).sum() + x.std() + x.var(0).sum() + x.logsumexp(1).sum()
        y = a + b + c + d
        y.backward()
    """,
    "linear algebra": """
        m = torch.tensor([[2., 1.], [1., 3.]], requires_grad=True)
        v = torch.tensor([1., 2.])
        s = torch.linalg.solve(m, v)
        d = torch.linalg.det(m)
        e = torch.einsum("ij,jk->ik", m, m)
        k = torch.linalg.cholesky(m @ m.t())
        b = torch.bmm(m[None], m[None])
        a = torch.addmm(m, m, m)
        y = s.sum() + d + e.trace() + k.sum() + b.sum() + a.sum()
        y.backward()
    """,
}
