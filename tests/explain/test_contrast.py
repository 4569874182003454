"""The reference run gives the gradient of the values that were saved."""

import pytest

from app.explain.contrast import contrast, needs_reference
from tests.tracing import reference_of, trace_of

HIDDEN = """\
import torch
a = torch.tensor([1., 2., 3.], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
out.sum().backward()
"""


def test_a_hidden_write_is_contrasted_with_the_intact_gradient() -> None:
    trace = trace_of(HIDDEN)
    assert needs_reference(trace)
    (found,) = contrast(trace, reference_of(HIDDEN))
    assert found.name == "a"
    assert found.got is not None
    assert found.got.flat == (0.0, 0.0, 0.0)
    assert found.intact is not None
    assert found.intact.flat == pytest.approx((0.1966119, 0.1049936, 0.0451767))
    assert found.off_by is not None
    assert found.off_by.flat == pytest.approx((-0.1966119, -0.1049936, -0.0451767))


@pytest.mark.parametrize("line", ["c = out.detach()", "c = out.data.clone()"])
def test_a_run_without_a_hidden_write_needs_no_reference(line: str) -> None:
    assert not needs_reference(trace_of(HIDDEN.replace("c = out.data", line)))
