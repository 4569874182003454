"""Runs for `test_moments.py`: each is held against plain torch before every line of it."""

ROWS = {
    "views share what a write moves": """
        x = torch.zeros(4)
        v = x[1:3]
        v.add_(1)
        x.mul_(2)
        d = x.detach()
        d[0] = 5
        h = x.data
        h[0] = 7
        x = None
    """,
    "a write through a view gives its base a node": """
        w = torch.ones(3, requires_grad=True)
        y = w * 2
        v = y[:2]
        v.mul_(3)
        x = torch.zeros(3)
        n = x[:2][:1]
        n += w[:1]
        s = x.sum()
        s.backward()
    """,
    "views require grad with their base": """
        x = torch.ones(3)
        v = x[:2]
        x.requires_grad_()
        w = v[:1]
        x.requires_grad = False
        y = torch.ones(3)
        u = y.view(3)
        y.mul_(torch.ones(3, requires_grad=True))
        y.detach_()
    """,
    "a view asked for its node after its base was written": """
        x = torch.ones(3, requires_grad=True)
        y = x * 1
        v = y[:2]
        u = y[1:]
        t = y.view(3)
        y.mul_(2)
        z = v * 3
        with torch.no_grad():
            k = u * 3
            y.add_(1)
        u.retain_grad()
        s = (v * u).sum()
        t.grad_fn
        s.backward(retain_graph=True)
        with torch.no_grad():
            y.add_(1)
        x[0] if u.is_leaf else u
        repr(t)
        r = v.sum()
        torch.autograd.grad(r, v)
    """,
    "writes of what has no counter": """
        with torch.inference_mode():
            x = torch.ones(3)
            x.add_(1)
            torch.add(x, x, out=x)
        y = torch.ones(3)
        torch.add(x, y, out=y)
        for write in (lambda: torch.add(x, y, out=x), lambda: x.mul_(2)):
            try:
                write()
            except RuntimeError:
                y = y + 1
    """,
    "a write that is only counted": """
        x = torch.zeros(4)
        torch.autograd.graph.increment_version(x)
        torch.autograd.graph.increment_version([x, x[1:]])
    """,
    "a write gives the graph another node": """
        w = torch.ones(3, requires_grad=True)
        y = w * 2
        y.add_(1)
        y[0] = 5
        y.detach_()
        w.requires_grad_(False)
        w.requires_grad_()
        w.detach_()
    """,
    "an array over the memory of a tensor": """
        x = torch.zeros(3)
        a = x.numpy()
        a[1] = 7
        y = torch.from_numpy(a)
        y.add_(1)
        a += 1
        z = torch.from_numpy(a)
    """,
    "memory swapped under a tensor": """
        w = torch.ones(3, requires_grad=True)
        v = w.data
        w.data = torch.zeros(3)
        w.data = torch.zeros(2, 2)
        v.add_(1)
        t = torch.zeros(2)
        t.set_(torch.ones(5))
        t.resize_(2, 2)
        t.t_()
    """,
    "a gradient stays when memory is swapped": """
        w = torch.ones(2, requires_grad=True)
        loss = (w * 3).sum()
        loss.backward(retain_graph=True)
        w.data = torch.zeros(2)
        loss.backward()
        w.data = torch.zeros(2)
        w.grad = None
    """,
    "gradients of leaves": """
        w = torch.ones(2, requires_grad=True)
        b = torch.ones(2, requires_grad=True)
        loss = (w * 3 + b).sum()
        loss.backward(retain_graph=True)
        loss.backward(retain_graph=True)
        w.grad.zero_()
        b.grad = None
        loss.backward(retain_graph=True)
        w.grad = torch.ones(2)
        loss.backward()
        del w.grad
    """,
    "backward from a leaf": """
        w = torch.ones(2, requires_grad=True)
        w.backward(torch.ones(2))
        w.backward(torch.ones(2))
        v = w.sum()
        v.backward()
    """,
    "gradients without a counter": """
        w = torch.ones(2, requires_grad=True)
        with torch.inference_mode():
            w.backward(torch.ones(2))
            w.backward(torch.ones(2))
        w.grad = None
    """,
    "gradients that are kept": """
        w = torch.ones(2, requires_grad=True)
        y = w * 3
        y.retain_grad()
        loss = (y * y).sum()
        loss.backward(retain_graph=True)
        loss.backward()
        loss = None
    """,
    "a backward of a backward": """
        w = torch.tensor([2.0, 3.0], requires_grad=True)
        y = (w ** 3).sum()
        g = torch.autograd.grad(y, w, create_graph=True)[0]
        h = g.pow(2).sum()
        h.backward()
        k = w.grad
        k.mul_(2)
    """,
    "create_graph leaves a gradient with a graph": """
        import warnings
        warnings.simplefilter("ignore")
        w = torch.tensor([2.0, 3.0], requires_grad=True)
        y = (w ** 3).sum()
        y.backward(create_graph=True)
        g = w.grad
        s = g.sum()
        s.backward()
    """,
    "a saved tensor is refused": """
        w = torch.ones(2, requires_grad=True)
        y = w.exp()
        z = y * 2
        y.add_(1)
        loss = z.sum()
        try:
            loss.backward()
        except RuntimeError as error:
            pass
        end = torch.ones(1)
    """,
    "a saved tensor changed under a still counter": """
        w = torch.ones(2, requires_grad=True)
        y = w.exp()
        y.data.mul_(3)
        loss = y.sum()
        loss.backward()
    """,
    "lines of hooks stand between the nodes": """
        def double(grad):
            twice = grad * 2
            return twice
        def show(grad):
            print(grad)
        w = torch.ones(2, requires_grad=True)
        y = w * 3
        y.register_hook(double)
        w.register_hook(show)
        z = y.exp()
        loss = z.sum()
        loss.backward()
    """,
    "lines of hooks of nodes": """
        def before(grads):
            seen = grads[0]
        def after(inputs, outputs):
            seen = outputs[0]
        w = torch.ones(2, requires_grad=True)
        y = w * 3
        y.grad_fn.register_prehook(before)
        y.grad_fn.register_hook(after)
        loss = y.sum()
        loss.backward()
    """,
    "lines of hooks that run once a gradient was added": """
        def step(leaf):
            got = leaf.grad
            with torch.no_grad():
                leaf.sub_(got)
            leaf.grad = None
        w = torch.ones(2, requires_grad=True)
        b = torch.ones(2, requires_grad=True)
        w.register_post_accumulate_grad_hook(step)
        y = w * 3 + b
        b.register_post_accumulate_grad_hook(step)
        loss = y.sum()
        loss.backward()
        loss = (w * 3 + b).sum()
        loss.backward()
    """,
    "lines of a Function of the reader's": """
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                y = x ** 3
                return y

            @staticmethod
            def backward(ctx, grad):
                x, = ctx.saved_tensors
                mine = 3 * x ** 2
                return grad * mine
        w = torch.tensor([2.0], requires_grad=True)
        y = Cube.apply(w * 1)
        loss = y.sum()
        loss.backward()
    """,
    "modes": """
        w = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            a = w * 2
            w.add_(1)
            with torch.enable_grad():
                b = w * 2
            v = w[0]
        with torch.inference_mode():
            c = w * 2
            c.add_(1)
        torch.set_grad_enabled(False)
        d = w * 2
        torch.set_grad_enabled(True)
    """,
    "calls in calls": """
        def inner(t, n):
            if n == 0:
                return t
            s = t * 2
            return inner(s, n - 1)
        def outer(t):
            u = inner(t, 2)
            u.add_(1)
            return u
        x = torch.ones(2, requires_grad=True)
        y = outer(x)
    """,
    "generators": """
        def halves(t):
            for _ in range(2):
                t = t / 2
                yield t
        x = torch.ones(2, requires_grad=True)
        for h in halves(x):
            s = h.sum()
        y = list(halves(x))
    """,
    "closures": """
        def maker(scale):
            def scaled(t):
                r = t * scale
                return r
            return scaled
        f = maker(torch.tensor(3.0))
        y = f(torch.ones(2))
        z = [f(y) for _ in range(2)]
    """,
    "names of other frames": """
        total = torch.zeros(1)
        def count(t):
            kept = t * 1
            def more(u):
                nonlocal kept
                kept = kept + u
                global total, new
                total = total + kept
                new = total * 2
                del new
                return kept
            a = more(t)
            b = more(t)
            return more
        f = count(torch.ones(1))
        c = f(torch.ones(1))
    """,
    "names come and go": """
        a = torch.ones(1)
        b = a
        a = torch.ones(2)
        del b
        b = 5
        b = torch.ones(3)
        for t in [torch.ones(1), torch.ones(2)]:
            u = t
        a, b = b, a
        c = a if True else b
        c = "text"
    """,
    "names go in functions": """
        def f(t, u):
            s = t * 2
            del t
            s, u = u, s
            del s, u
            return 1
        y = f(torch.ones(1), torch.ones(2))
    """,
    "a loop of training": """
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
        opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x = torch.rand(4, 2)
        for _ in range(3):
            loss = model(x).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
    """,
    "what optimizers keep": """
        torch.manual_seed(0)
        w = torch.ones(2, requires_grad=True)
        model = torch.nn.Linear(2, 2)
        sgd = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        adam = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(2):
            loss = model(w * 2).pow(2).sum()
            loss.backward()
            sgd.step()
            adam.step()
        momentum = sgd.state[w]["momentum_buffer"]
        momentum.zero_()
        adam.state.clear()
        adam = None
    """,
    "buffers": """
        torch.manual_seed(0)
        bn = torch.nn.BatchNorm1d(2)
        y = bn(torch.rand(3, 2))
        bn.eval()
        z = bn(torch.rand(3, 2))
    """,
    "a step into a closure of torch's": """
        torch.manual_seed(0)
        w = torch.ones(2, requires_grad=True)
        opt = torch.optim.SGD([w], lr=0.1)
        def closure():
            opt.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss
        opt.step(closure)
        last = opt.step(closure)
    """,
    "an error in a function": """
        def f(t):
            u = t * 2
            u.backward()
        x = torch.ones(2, requires_grad=True)
        try:
            f(x)
        except RuntimeError:
            y = x * 1
        f(y)
    """,
}
