"""What tensors hold is copied whole, and without the tensors noticing."""

from collections.abc import Callable

import pytest
import torch

from app.trace.model import Values
from app.worker import budget
from app.worker.contents import DTYPES, dtype_name, is_observable
from app.worker.listing import Listing
from app.worker.numbers import scalar
from app.worker.snapshots import Snapshots
from app.worker.summaries import summary, summary_at
from tests.worker.compare import written


def listed(values: Values | None) -> list[str]:
    """The elements as Python writes them."""
    assert values is not None
    assert values.flat is not None
    return [written(number) for number in values.flat]


def told(tensor: torch.Tensor) -> list[str]:
    """The same, as torch gives them."""
    return list(map(repr, tensor.detach().resolve_conj().resolve_neg().flatten().tolist()))


def in_inference() -> torch.Tensor:
    """A tensor without a counter."""
    with torch.inference_mode():
        return torch.arange(4.0)[::2]


base = torch.arange(24.0).reshape(2, 3, 4)
z = torch.tensor([[1 + 2j, 3 - 1j], [0.5j, -2 + 0j]])
MADE: dict[str, Callable[[], torch.Tensor]] = {
    "contiguous": lambda: base.clone(),
    "scalar": lambda: torch.tensor(3.5),
    "empty": lambda: torch.zeros(0, 3),
    "slice": lambda: base[:, 1:, ::2],
    "transposed": lambda: base.transpose(0, 2),
    "expanded": lambda: torch.arange(3.0).expand(4, 3),
    "expanded to nothing": lambda: torch.ones(1).expand(0, 5),
    "column": lambda: base[..., 1],
    "diagonal": lambda: base[0, :3, :3].diagonal(),
    "overlapping": lambda: torch.arange(6.0).unfold(0, 3, 1),
    "as_strided": lambda: torch.as_strided(torch.arange(9.0), (2, 2), (1, 3), 2),
    "requires grad": lambda: torch.ones(3, requires_grad=True) * 2,
    "complex": lambda: z.clone(),
    "conjugate": lambda: z.conj(),
    "conjugate transposed": lambda: z.mH,
    "real": lambda: z.real,
    "imaginary of a conjugate": lambda: z.conj().imag,
    "channels last": lambda: torch.arange(16.0).reshape(1, 2, 2, 4).to(memory_format=torch.channels_last),
    "not finite": lambda: torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0]),
    "bool": lambda: torch.tensor([True, False]),
    "int64": lambda: torch.tensor([2**62, -(2**63)]),
    "uint8": lambda: torch.tensor([255], dtype=torch.uint8),
    "bfloat16": lambda: torch.tensor([1.5, -2.0], dtype=torch.bfloat16)[::2],
    "float16": lambda: torch.tensor([65504.0, 6e-8], dtype=torch.float16),
    "float8": lambda: torch.tensor([1.5, -2.0]).to(torch.float8_e4m3fn),
    "uint16": lambda: torch.tensor([65535], dtype=torch.uint16),
    "inference": in_inference,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_snapshot_and_listing_hold_every_element(make: Callable[[], torch.Tensor]) -> None:
    tensor = make()
    snapshot = Snapshots().take(tensor)
    assert snapshot is not None
    for values in (Listing().of_snapshot(snapshot), Listing().of_tensor(tensor)):
        assert values.shape == tuple(tensor.shape)
        assert values.dtype == str(tensor.dtype).removeprefix("torch.")
        assert listed(values) == told(tensor)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_looking_leaves_no_trace(make: Callable[[], torch.Tensor]) -> None:
    tensor = make()
    inference = tensor.is_inference()
    before = None if inference else tensor._version, tensor.grad_fn, tensor.is_conj(), tensor.requires_grad
    state = torch.get_rng_state()
    Listing().of_snapshots((Snapshots().take(tensor),))
    Listing().of_tensor(tensor)
    assert before == (None if inference else tensor._version, tensor.grad_fn, tensor.is_conj(), tensor.requires_grad)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_a_snapshot_is_the_same_until_an_element_changes(make: Callable[[], torch.Tensor]) -> None:
    with torch.no_grad():
        tensor = make()
        snapshots = Snapshots()
        before = snapshots.take(tensor)
        again = snapshots.take(tensor)
        assert before is not None
        assert again is not None
        assert before.same_as(again)
        if tensor.is_contiguous() and tensor.numel() and not tensor.is_complex():
            assert snapshots.is_still(tensor, before)
        if not tensor.numel() or tensor.is_inference():
            return
        changed = tensor.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
        changed.view(-1).view(torch.uint8)[-1] ^= 1
        after = snapshots.take(changed)
        assert after is not None
        assert not before.same_as(after)
        assert not snapshots.is_still(changed, before)


def test_a_write_beside_a_slice_leaves_its_snapshot_alone() -> None:
    memory = torch.zeros(4, 4)
    column = memory[:, 1]
    snapshots = Snapshots()
    before = snapshots.take(column)
    memory[:, 2] = 5
    beside = snapshots.take(column)
    memory[3, 1] = 5
    inside = snapshots.take(column)
    assert before
    assert beside
    assert inside
    assert before.same_as(beside)
    assert not before.same_as(inside)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(2).to_sparse(),
        lambda: torch.eye(2).to_sparse_csr(),
        lambda: torch.ones(2, device="meta"),
        lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]),
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
        lambda: torch.ones(2).to_mkldnn(),
    ],
    ids=["sparse", "sparse_csr", "meta", "nested", "quantized", "mkldnn"],
)
@pytest.mark.filterwarnings("ignore")
def test_what_has_no_memory_to_read_is_left_alone(make: Callable[[], torch.Tensor]) -> None:
    tensor = make()
    assert not is_observable(tensor)
    assert Snapshots().take(tensor) is None


def test_a_storage_that_was_given_back_is_left_alone() -> None:
    tensor = torch.ones(3)
    tensor.untyped_storage().resize_(0)
    snapshot, values = Snapshots().take(tensor), Listing().of_tensor(tensor)
    assert snapshot is None  # `tensor` in an assert would be printed, and that ends the process
    assert (values.shape, values.flat) == ((3,), None)


@pytest.mark.parametrize("elements", [budget.SNAPSHOT_BYTES, budget.COPIED_BYTES])
@pytest.mark.parametrize("forgotten", [False, True])
def test_large_ones_are_compared_but_not_listed(elements: int, forgotten: bool) -> None:
    tensor = torch.zeros(elements)
    snapshots = Snapshots()
    before = snapshots.take(tensor)
    assert before is not None
    assert before.block is None
    if forgotten:
        before.forget()
    same = snapshots.take(tensor)
    assert same is not None
    assert before.same_as(same)
    tensor[-1] = 1
    after = snapshots.take(tensor)
    assert after is not None
    assert not before.same_as(after)
    assert Listing().of_snapshot(before) == Values(shape=(elements,), dtype="float32")


def test_gradients_that_are_large_are_known_by_their_shape() -> None:
    (snapshot,) = Snapshots().take_gradients([torch.zeros(budget.SNAPSHOT_BYTES)])
    assert snapshot is not None
    assert (snapshot.block, snapshot.shape) == (None, (budget.SNAPSHOT_BYTES,))


def test_very_large_ones_are_not_compared() -> None:
    assert Snapshots().take(torch.empty(budget.CHECKSUM_BYTES + 1, dtype=torch.uint8)) is None


def test_the_oldest_snapshots_after_the_beginning_lose_their_contents_first() -> None:
    beginning = budget.BEGINNING_BYTES // budget.SNAPSHOT_BYTES
    snapshots = Snapshots()
    taken = [
        snapshots.keep(snapshots.take(torch.zeros(budget.SNAPSHOT_BYTES // 4)))
        for _ in range(budget.SNAPSHOTS_BYTES // budget.SNAPSHOT_BYTES + 3)
    ]
    assert snapshots.forgotten == 3
    assert [index for index, snapshot in enumerate(taken) if snapshot and snapshot.block is None] == [
        beginning,
        beginning + 1,
        beginning + 2,
    ]
    first, last = taken[beginning], taken[-1]
    assert first
    assert last
    assert first.same_as(last)  # the comparison outlives the contents


def test_listing_keeps_to_its_budget() -> None:
    listing = Listing(scalars=5)
    assert listed(listing.of_tensor(torch.arange(4))) == ["0", "1", "2", "3"]
    over = listing.of_tensor(torch.arange(4))
    assert over.flat is None
    assert over.summary is not None
    assert listing.unlisted == 1
    assert listed(listing.of_tensor(torch.arange(1))) == ["0"]


def test_above_the_limit_there_is_a_summary() -> None:
    tensor = torch.cat([torch.arange(100.0), torch.tensor([float("nan"), float("inf"), 0.0])])
    values = Listing().of_tensor(tensor, most=64)
    assert values.flat is None
    found = values.summary
    assert found is not None
    assert (found.min, found.max, found.zeros, found.not_finite) == (0.0, 99.0, 2, 2)
    assert found.mean == pytest.approx(4950 / 101)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.full((100,), float("nan")),
        torch.cat([torch.arange(98.0), torch.tensor([float("inf"), -float("inf")])]),
        torch.full((100,), 1e308, dtype=torch.float64),  # their sum is not finite
        torch.tensor([0.0] * 99 + [5e-324], dtype=torch.float64),  # too near for bins
        torch.tensor([-1.7e308] + [0.0] * 98 + [1.7e308], dtype=torch.float64),  # too far apart
        torch.zeros(100, dtype=torch.bool),
        torch.ones(100, dtype=torch.int64),
        torch.ones(100).bfloat16(),
    ],
)
def test_summaries_of_all_dtypes(tensor: torch.Tensor) -> None:
    found = summary(tensor)
    assert found is not None
    assert found.not_finite == (~torch.isfinite(tensor)).sum().item()
    assert found.zeros == (tensor == 0).sum().item()
    assert (found.min is None) == (found.not_finite == 100)
    assert repr(summary_at(tensor.data_ptr(), 100, tensor.dtype)) == repr(found)


def test_a_summary_of_unwritten_memory_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    for elements in (2_000, 40_000):
        signalling = torch.full((elements,), 0x7F800001, dtype=torch.int32)
        found = summary_at(signalling.data_ptr(), elements, torch.float32)
        assert found is not None
        assert found.not_finite == elements
    assert not recwarn.list


def test_complex_ones_have_no_summary() -> None:
    assert summary(torch.zeros(100, dtype=torch.complex64)) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (-float("inf"), "-inf"),
        (True, True),
        (2**62, 2**62),
        (1 + 2j, (1.0, 2.0)),
        (complex(float("nan"), -1), ("nan", -1.0)),
    ],
)
def test_scalars(number: complex, expected: object) -> None:
    assert scalar(number) == expected
    assert type(scalar(number)) is type(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_names_are_torchs_own(dtype: torch.dtype) -> None:
    assert f"torch.{dtype_name(dtype)}" == str(dtype)
