"""What each moment of a run says, and the mark that stands for it."""

from msgspec import Struct

from app.explain.narrate.index import ADDED, Index
from app.explain.narrate.lines import LineTeller
from app.explain.narrate.marks import Mark, marks_of
from app.explain.narrate.naming import Names
from app.explain.narrate.nodes import NodeTeller
from app.explain.narrate.operators import OperatorTeller
from app.explain.narrate.words import LONGEST, cleaned, clipped, code, sentence
from app.explain.narrate.writes import WriteTeller
from app.trace.history import History
from app.trace.model import Backward, Fired, Operation

_NOTHING = "nothing here is recorded by autograd."
_UNOBSERVED = "Recording had stopped: the rest of the run was not observed. Shown is what it left behind."
_BROKEN_OFF = "Then an exception ended this backward."
_WHY = {
    "time": "its time was up",
    "memory": "it asked for more memory than a run may have",
    "output": "it printed more than a run may",
    "size": "its answer grew larger than a run's may be",
    "crash": "its process crashed",
}


class Telling(Struct, frozen=True, kw_only=True):
    """What one moment says.

    `text` is one sentence or two, plain: code stands in backticks, and "line 5" names a line of the snippet.
    """

    moment: int
    line: int
    place: str  # "line 5", "line 4 in f, call 3", "line 6, backward through SigmoidBackward0"
    text: str
    mark: Mark | None  # of the most telling thing that happened; None where nothing happened for autograd


class Narrator:
    """Tells the moments of one run."""

    def __init__(self, history: History) -> None:
        self._index = Index(history)
        self._trace, self._moments = history.trace, history.moments
        names = Names(self._index)
        self._names = names
        self._of_writes, self._of_nodes = WriteTeller(self._index, names), NodeTeller(self._index, names)
        self._of_lines, self._of_operators = LineTeller(self._index, names), OperatorTeller(self._index, names)
        self._marks = marks_of(self._index)

    def marks(self) -> dict[int, Mark]:
        """Every moment at which something happened for autograd."""
        return dict(self._marks)

    def tell(self, moment: int) -> Telling:
        """What `moment` says, which is taken to the nearest that there was."""
        trace = self._trace
        if not trace.steps:
            line = trace.outcome.line or (trace.outcome.error.line if trace.outcome.error else None) or 0
            place = f"line {line}" if line else "before the first line"
            return Telling(
                moment=0, line=line, place=place, text=self._ended(line) or "Nothing ran.", mark=self._marks.get(0)
            )
        moment = min(max(moment, 1), max(self._moments.count, 1))
        return Telling(
            moment=moment,
            line=self._moments.line_of(moment),
            place=self._place(moment),
            text=self._text(moment),
            mark=self._marks.get(moment),
        )

    # where

    def _place(self, moment: int) -> str:
        if moment == self._trace.unobserved:
            return "the rest of the run"
        inside = self._moments.backward_of(moment)
        place = self._where(self._moments.step_of(moment), marked=False)
        if inside is None:
            return place
        node = self._trace.nodes[self._trace.backwards[inside[0]].fired[inside[1]].node]
        return f"{place}, backward through {cleaned(node.name)}"

    def _where(self, step: int, *, marked: bool) -> str:
        """ "line 4 in f, call 3, pass 2"; `marked` names the function as code, and leaves the call out."""
        one = self._trace.steps[step]
        where = f"line {one.line}"
        if one.function is not None:
            where += f" in {code(one.function) if marked else cleaned(one.function)}"
            call, calls = self._index.calls.get(one.frame, (1, 1))
            if calls > 1 and not marked:
                where += f", call {call:,}"
        number = self._index.passes.number[step]
        return f"{where}, pass {number:,}" if number else where

    # what

    def _text(self, moment: int) -> str:
        if moment == self._trace.unobserved:
            ended = self._ended(self._moments.line_of(moment))
            return clipped(" ".join([_UNOBSERVED, ended] if ended else [_UNOBSERVED]))
        inside = self._moments.backward_of(moment)
        if inside is None:
            said = self._line(moment)
        else:
            backward = self._trace.backwards[inside[0]]
            said = self._node(backward, backward.fired[inside[1]], moment)
        while len(said) > 1 and len(" ".join(said)) > LONGEST:
            said.pop()
        return clipped(" ".join(said))

    def _node(self, backward: Backward, fired: Fired, moment: int) -> list[str]:
        said = self._of_nodes.told(backward, fired, moment)
        if moment == self._moments.count and (ended := self._ended(self._moments.line_of(moment))):
            return [*said, ended]
        if fired.finished and moment in self._index.broken_off:
            said.append(_BROKEN_OFF)
        further = self._elsewhere(moment, None)
        if further and (fired is not backward.fired[-1] or not fired.finished):
            further = [f"Your code runs in between: {further[0].partition(': ')[2]}"]
        return [*said, *further]

    def _line(self, moment: int) -> list[str]:
        step = self._moments.step_of(moment)
        where = self._where(step, marked=True) + self._came(step)
        where = sentence(where)
        said, further = self._happened(moment, step), self._elsewhere(moment, step)
        said = [*(said[:2] or [_NOTHING]), *further] if further else said[:2]
        if moment in self._index.broken_off and not any("raise" in one for one in said):
            said = [*(said[:1] or [_NOTHING]), _BROKEN_OFF]
        function = self._of_lines.entered(step)
        if function is not None:
            said = [*said[:1], f"{'It then' if said else 'it'} enters {code(function)}."]
        if not said:
            bound = "the loop ends." if step in self._index.passes.ends else self._of_lines.bound(moment, step)
            said = [bound] if bound else []
        mode = self._of_lines.mode(step)
        ended = self._ended(self._trace.line(step)) if moment == self._moments.count else None
        if ended is not None:
            raised = self._of_operators.raised(self._operations(moment, step), moment)
            error = self._trace.outcome.error
            if raised and error is not None and error.line == self._trace.line(step):
                return [f"{where}: {raised.removesuffix('.')} {code(error.type)}, which ends the run."]
            return [ended, f"{where}: {said[0]}"] if said else [ended]
        said = said or ([] if mode else [_NOTHING])
        if not said and mode:
            return [f"{where}: {mode[0].lower()}{mode[1:]}"]
        news = [mode] if mode and not any("recording is off" in one for one in said) else []
        return [f"{where}: {said[0]}", *map(sentence, said[1:]), *news]

    def _came(self, step: int) -> str:
        """From where a function was entered, where that is news; that backward runs it, where it does."""
        one = self._trace.steps[step]
        if one.caller is None:
            return ""
        if self._index.is_run_by_backward(step):
            return ", run by backward"
        return f", entered from line {self._trace.line(one.caller)}" if step in self._index.entries else ""

    def _operations(self, moment: int, step: int) -> list[Operation]:
        return [one for one in self._index.operations.at(moment) if one.step == step]

    def _happened(self, moment: int, step: int) -> list[str]:
        """What the line of `step` did at `moment`, the most telling first."""
        index, operators = self._index, self._of_operators
        operations = self._operations(moment, step)
        writes = [one for one in index.writes.at(moment) if one.step == step and one.op != ADDED]
        nodes = [one for one in index.recorded.at(moment) if one.step == step]
        said: list[str | None] = [operators.raised(operations, moment)]
        if writes:
            said += self._of_writes.told(writes, moment, step)
        made = operators.made(operations, nodes, moment)
        for backward in index.backwards.at(moment):
            if backward.step == step and not (said[0] and not backward.fired):  # else that it raised says it
                starts = any(self._trace.tensors[key].moment == moment for key in backward.roots)
                said.append(
                    operators.began(
                        backward, operators.made(operations, nodes, moment, starts=True) if starts else None
                    )
                )
                made = None if starts else made
        said.append(operators.cut(operations, moment))
        if made is not None and not (said[-1] and operators.is_only_cut(operations, moment)):
            said.append(f"{made}.")
        said += [
            operators.keeps(nodes, moment),
            self._of_lines.changed(moment, step),
            self._of_lines.idle(moment, step),
        ]
        told = [text for text in said if text]
        return told or [text for text in [operators.read(operations, moment)] if text]

    def _elsewhere(self, moment: int, step: int | None) -> list[str]:
        """What another line did at that moment: the one that called a function which has just ended, or backward."""
        found: dict[int, None] = {}  # writes first, then what was recorded, then the rest
        for write in self._index.writes.at(moment):
            if write.op != ADDED:
                found[write.step] = None
        for node in self._index.recorded.at(moment):
            found[node.step or 0] = None
        for operation in reversed(self._index.operations.at(moment)):
            found[operation.step] = None
        for other in found:
            if other != step and (said := self._happened(moment, other)):
                return [f"Then, on line {self._trace.line(other)}: {said[0]}"]
        return []

    def _ended(self, line: int) -> str | None:
        """How the run ended, if not by coming to its end."""
        outcome = self._trace.outcome
        if outcome.kind == "stopped":
            at = f" on line {outcome.line}" if outcome.line is not None else ""
            return f"The run was stopped{at}: {_WHY[outcome.reason or 'crash']}."
        if outcome.kind == "finished" or outcome.error is None:
            return None
        error = outcome.error
        if error.line is None:
            return f"The run ended with {code(error.type)}."
        if not self._trace.steps:
            return f"Line {error.line}: {code(error.type)}. Nothing ran."
        if error.line == line:
            return f"Line {line} raised {code(error.type)}, which ends the run."
        return f"The run ended with {code(error.type)}, raised on line {error.line}."
