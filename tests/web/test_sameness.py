"""Which snippets are answered alike the next time."""

import pytest

from app.lessons.catalog import catalog
from app.web.sameness import reproducible


@pytest.mark.parametrize("lesson", [lesson.slug for lesson in catalog().listed])
def test_lessons_are(lesson: str) -> None:
    assert reproducible(catalog()[lesson].source)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nprint(torch.rand(2))",  # seeded before each run
        "import random\nprint(random.random())",
        "import numpy as np\nprint(np.random.rand())",
        "torch.manual_seed(3)",
        "rng.seed(3)",
        "# the time that it takes\nx = 1",
        "timestep = 1\nupdate = 2\nx.data.zero_()",
        "class State: pass",
        "optimizer.state_dict()",
    ],
)
def test_what_is(source: str) -> None:
    assert reproducible(source)


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import os, time as t",
        "from time import *",
        "print(time.time())",
        "__import__('time')",
        '__import__("time").perf_counter()',
        "import datetime",
        "import os\nos.urandom(4)",
        "import secrets",
        "import uuid",
        "import random\nrandom.SystemRandom().random()",
        "import numpy as np\nnp.random.default_rng().random()",
        "import random\nrandom.seed()",
        "import torch\ntorch.seed ( )",
        "import torch\nprint(torch.initial_seed())",
        "f = torch.seed\nf()",
        "import timeit",
        "import os\nprint(os.getpid())",
        "with torch.autograd.profiler.profile(): pass",
        "x = [\n    time\n]",
    ],
)
def test_what_is_not(source: str) -> None:
    assert not reproducible(source)
