"""Sentences against plain torch: what they say of versions and of shared memory is so, for random programs."""

import re
from collections.abc import Iterator

import pytest

from app.explain.narrate import Narrator
from app.trace.history import History
from tests.explain.narrate.judge import Seen, states
from tests.tracing import trace_of
from tests.worker.programs import program

NAME = r"`([a-z]\w*)`"
States = dict[str, Seen]


def lies(text: str, before: States, after: States) -> Iterator[str]:
    """The claims of a sentence about a line that are not so."""
    for name, version in re.findall(rf"{NAME}'s (?:counter )?stays (\d+)", text):
        if name in before and not before[name].version == after[name].version == int(version):
            yield f"{name} does not stay {version}"
    for name, old, new in re.findall(rf"{NAME}'s counter goes from (\d+) to (\d+)", text):
        yield from moved([name], old, new, before, after)
    if found := re.search(r"that ((?:`\w+`(?:, | and )?)+) share, through", text):
        names = re.findall(NAME, found[1])
        if len({after[name].memory for name in names}) != 1:
            yield f"{names} do not share memory"
        if counter := re.search(r"The counter that they share goes from (\d+) to (\d+)", text):
            yield from moved(names, counter[1], counter[2], before, after)
            if len({after[name].counter for name in names}) != 1:
                yield f"{names} do not share a counter"
    if found := re.search(
        rf"elements? of {NAME}(?:: now [^.]*(?:\.\d+[^.]*)*)?\. Its counter goes from (\d+) to (\d+)", text
    ):
        yield from moved([found[1]], found[2], found[3], before, after)
    if found := re.search(
        rf"(?:other memory under {NAME}|gave {NAME} another shape, in place)\. Its counter (.*?)\.", text
    ):
        name, numbers = found[1] or found[2], re.findall(r"\d+", found[3])
        yield from moved([name], numbers[0], numbers[-1], before, after)
    if found := re.search(rf"gave {NAME}: the memory of {NAME}, (.*?)\.(?: |$)", text):
        result, source = after[found[1]], before[found[2]]
        if result.memory != source.memory:
            yield f"{found[1]} has not the memory of {found[2]}"
        own = "of its own" in found[3]
        if own == (found[2] in after and result.counter == after[found[2]].counter):
            yield f"{found[1]} has {'the' if own else 'not the'} counter of {found[2]}"
    if found := re.search(rf"gave {NAME}, a view of {NAME}: the same memory, offset \d+(, and its writes)?", text):
        if after[found[1]].memory != before[found[2]].memory:
            yield f"{found[1]} has not the memory of {found[2]}"
        if found[3] and found[2] in after and after[found[1]].counter != after[found[2]].counter:
            yield f"{found[1]} does not count with {found[2]}"
    for name, version in re.findall(rf"keeps {NAME} for backward, at version (\d+)", text):
        if after[name].version != int(version):
            yield f"{name} was not at version {version}"
    for name, version in re.findall(rf"{NAME}: saved at version \d+, still (\d+)", text):
        if name in before and before[name].version != int(version):
            yield f"{name} is not at version {version}"
    for name, version in re.findall(rf"was to read {NAME}, saved at version \d+; its counter is at (\d+)", text):
        if name in before and before[name].version != int(version):
            yield f"{name} is not at version {version}"


def moved(names: list[str], old: str, new: str, before: States, after: States) -> Iterator[str]:
    """Names whose counters did not go from `old` to `new`."""
    for name in names:
        if name in before and before[name].version != int(old):
            yield f"{name} was not at {old}"
        if name in after and after[name].version != int(new):
            yield f"{name} is not at {new}"


@pytest.mark.parametrize("seed", range(40))
def test_no_sentence_says_what_is_not_so(seed: int) -> None:
    source = program(seed)
    plain = states(source)
    history = History(trace_of(source))
    narrator, moments = Narrator(history), history.moments
    assert len(plain) == len(history.trace.steps) + 1
    for moment in range(1, moments.count + 1):
        text, step = narrator.tell(moment).text, moments.step_of(moment)
        assert not list(lies(text, plain[step], plain[step + 1])), text
