"""Networks that train each other, stop gradients or share weights, as is meant: nothing is found in them."""

from tests.explain.cases import Case

CASES = (
    Case(
        name="a GAN step: the discriminator on detached fakes, then the generator",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
of_g = torch.optim.Adam(G.parameters())
of_d = torch.optim.Adam(D.parameters())
bce = torch.nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(4, 1), torch.zeros(4, 1)
for step in range(2):
    fake = G(torch.randn(4, 2))
    of_d.zero_grad()
    loss_d = bce(D(torch.randn(4, 3)), ones) + bce(D(fake.detach()), zeros)
    loss_d.backward()
    of_d.step()
    of_g.zero_grad()
    bce(D(fake), ones).backward()
    of_g.step()
""",
    ),
    Case(
        name="a GAN step that zeroes in place, with two backwards for the discriminator",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
of_g, of_d = torch.optim.SGD(G.parameters(), lr=0.1), torch.optim.SGD(D.parameters(), lr=0.1)
for step in range(2):
    D.zero_grad(set_to_none=False)
    D(torch.randn(4, 3)).mean().backward()
    fake = G(torch.randn(4, 2))
    (-D(fake.detach()).mean()).backward()
    of_d.step()
    G.zero_grad(set_to_none=False)
    D(fake).mean().backward()
    of_g.step()
""",
    ),
    Case(
        name="only the discriminator's step, with its optimizer",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
of_d = torch.optim.Adam(D.parameters())
fake = G(torch.randn(4, 2)).detach()
loss = D(fake).mean() - D(torch.randn(4, 3)).mean()
loss.backward()
of_d.step()
""",
    ),
    Case(
        name="the discriminator's fakes made under no_grad",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
of_d = torch.optim.SGD(D.parameters(), lr=0.1)
with torch.no_grad():
    fake = G(torch.randn(4, 2))
(D(fake).mean() - D(torch.randn(4, 3)).mean()).backward()
of_d.step()
""",
    ),
    Case(
        name="a gradient penalty with create_graph",
        source="""\
D = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
optimizer = torch.optim.Adam(D.parameters())
real, fake = torch.randn(4, 3), torch.randn(4, 3)
for step in range(2):
    mix = (0.5 * real + 0.5 * fake).requires_grad_()
    (g,) = torch.autograd.grad(D(mix).sum(), mix, create_graph=True)
    penalty = (g.norm(dim=1) - 1).pow(2).mean()
    loss = D(fake).mean() - D(real).mean() + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="a target network with soft updates under no_grad",
        source="""\
import copy
policy = torch.nn.Linear(2, 3)
target = copy.deepcopy(policy)
optimizer = torch.optim.Adam(policy.parameters())
for step in range(2):
    state, following = torch.randn(4, 2), torch.randn(4, 2)
    with torch.no_grad():
        best = target(following).max(1)[0]
    q = policy(state).gather(1, torch.zeros(4, 1, dtype=torch.long)).squeeze(1)
    loss = torch.nn.functional.smooth_l1_loss(q, 1 + 0.9 * best)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), policy.parameters()):
            slow.mul_(0.9).add_(0.1 * fast)
""",
    ),
    Case(
        name="a target network that is detached and copied now and then",
        source="""\
policy, target = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
target.load_state_dict(policy.state_dict())
for step in range(2):
    q = policy(torch.randn(4, 2)).max(1)[0]
    goal = 1 + 0.9 * target(torch.randn(4, 2)).max(1)[0].detach()
    (q - goal).pow(2).mean().backward()
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None
""",
    ),
    Case(
        name="an average of the weights",
        source="""\
net, average = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    for kept, new in zip(average.parameters(), net.parameters()):
        kept.data.lerp_(new.data, 0.1)
""",
    ),
    Case(
        name="an average of the weights by swa_utils",
        source="""\
net = torch.nn.Linear(2, 1)
average = torch.optim.swa_utils.AveragedModel(net)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    average.update_parameters(net)
""",
    ),
    Case(
        name="distillation from a frozen teacher",
        source="""\
teacher, student = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
teacher.requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters())
for step in range(2):
    x = torch.randn(4, 2)
    loss = torch.nn.functional.kl_div(
        student(x).log_softmax(1), teacher(x).softmax(1), reduction="batchmean")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="distillation from a teacher under no_grad",
        source="""\
teacher, student = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
optimizer = torch.optim.Adam(student.parameters())
x = torch.randn(4, 2)
with torch.no_grad():
    wanted = teacher(x)
(student(x) - wanted).pow(2).mean().backward()
optimizer.step()
""",
    ),
    Case(
        name="a frozen backbone and a new head, all handed to the optimizer",
        source="""\
backbone, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
for parameter in backbone.parameters():
    parameter.requires_grad = False
net = torch.nn.Sequential(backbone, torch.nn.ReLU(), head)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
""",
    ),
    Case(
        name="features of a backbone under no_grad for a head with an optimizer of its own",
        source="""\
backbone, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for step in range(2):
    with torch.no_grad():
        features = backbone(torch.ones(4, 2)).relu()
    optimizer.zero_grad()
    head(features).pow(2).mean().backward()
    optimizer.step()
""",
    ),
    Case(
        name="fine-tuning: frozen at first, then not",
        source="""\
backbone, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
backbone.requires_grad_(False)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
head(backbone(torch.ones(4, 2))).pow(2).mean().backward()
optimizer.step()
backbone.requires_grad_(True)
optimizer.add_param_group({"params": backbone.parameters(), "lr": 0.01})
optimizer.zero_grad()
head(backbone(torch.ones(4, 2))).pow(2).mean().backward()
optimizer.step()
""",
    ),
    Case(
        name="SimSiam: each branch is the other's target",
        source="""\
encoder, predictor = torch.nn.Linear(2, 3), torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], lr=0.1)
a, b = encoder(torch.randn(4, 2)), encoder(torch.randn(4, 2))
p, q = predictor(a), predictor(b)
cosine = torch.nn.functional.cosine_similarity
loss = -(cosine(p, b.detach()).mean() + cosine(q, a.detach()).mean()) / 2
loss.backward()
optimizer.step()
""",
    ),
    Case(
        name="VICReg: variance, invariance, covariance",
        source="""\
net = torch.nn.Linear(3, 4)
optimizer = torch.optim.Adam(net.parameters())
a, b = net(torch.randn(6, 3)), net(torch.randn(6, 3))
invariance = torch.nn.functional.mse_loss(a, b)
variance = torch.relu(1 - torch.sqrt(a.var(dim=0) + 1e-4)).mean()
centred = a - a.mean(dim=0)
covariance = (centred.T @ centred) / 5
off = covariance - torch.diag(covariance.diag())
(25 * invariance + 25 * variance + off.pow(2).sum() / 4).backward()
optimizer.step()
""",
    ),
    Case(
        name="an actor and a critic: the advantage is detached",
        source="""\
actor, critic = torch.nn.Linear(2, 3), torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()])
state, reward = torch.randn(4, 2), torch.randn(4)
value = critic(state).squeeze(1)
chances = torch.distributions.Categorical(logits=actor(state))
action = chances.sample()
advantage = reward - value.detach()
loss = -(chances.log_prob(action) * advantage).mean() + (reward - value).pow(2).mean()
optimizer.zero_grad()
loss.backward()
optimizer.step()
""",
    ),
    Case(
        name="REINFORCE over an episode",
        source="""\
policy = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(policy.parameters())
state = torch.zeros(2)
log_chances, rewards = [], []
for step in range(4):
    chances = torch.distributions.Categorical(logits=policy(state))
    action = chances.sample()
    log_chances.append(chances.log_prob(action))
    rewards.append(float(action.item() == 1))
    state = torch.randn(2)
returns = torch.tensor([sum(rewards[step:]) for step in range(4)])
loss = -(torch.stack(log_chances) * returns).sum()
optimizer.zero_grad()
loss.backward()
optimizer.step()
""",
    ),
    Case(
        name="weights tied between embedding and output",
        source="""\
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(5, 3)
        self.out = torch.nn.Linear(3, 5, bias=False)
        self.out.weight = self.embedding.weight
    def forward(self, tokens):
        return self.out(self.embedding(tokens))
net = Tied()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
tokens = torch.tensor([0, 2, 4])
for step in range(2):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net(tokens), tokens).backward()
    optimizer.step()
""",
    ),
    Case(
        name="one layer run several times on purpose",
        source="""\
class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)
    def forward(self, x):
        for _ in range(3):
            x = torch.relu(self.layer(x))
        return x
net = Deep()
net(torch.ones(2, 3)).sum().backward()
print(net.layer.weight.grad.norm())
""",
    ),
    Case(
        name="two inputs through one network",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3))
a, b = net(torch.randn(4, 2)), net(torch.randn(4, 2))
(a - b).pow(2).mean().backward()
print(net[0].weight.grad.shape)
""",
    ),
    Case(
        name="a mixture of experts whose unused expert is left out",
        source="""\
experts = torch.nn.ModuleList([torch.nn.Linear(2, 1) for _ in range(2)])
gate = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD([*experts.parameters(), *gate.parameters()], lr=0.1)
x = torch.randn(4, 2)
weights = gate(x).softmax(1)
out = sum(weights[:, index:index + 1] * expert(x) for index, expert in enumerate(experts))
out.pow(2).mean().backward()
optimizer.step()
""",
    ),
    Case(
        name="dropout, layer norm and attention",
        source="""\
block = torch.nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, batch_first=True)
optimizer = torch.optim.AdamW(block.parameters())
x = torch.randn(2, 3, 4)
optimizer.zero_grad()
block(x).pow(2).mean().backward()
optimizer.step()
""",
    ),
    Case(
        name="an embedding with a padding index",
        source="""\
embedding = torch.nn.Embedding(5, 3, padding_idx=0)
optimizer = torch.optim.SGD(embedding.parameters(), lr=0.1)
embedding(torch.tensor([[0, 1], [2, 0]])).pow(2).sum().backward()
optimizer.step()
""",
    ),
)
