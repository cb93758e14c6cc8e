"""All diagnoses of a model, one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from elman.diagnostics.ablation import Ablation, ablation
from elman.diagnostics.activity import activity
from elman.diagnostics.attribution import attribution
from elman.diagnostics.capacity import capacity
from elman.diagnostics.context import context
from elman.diagnostics.excitation import excitation
from elman.diagnostics.findings import Finding, findings
from elman.diagnostics.gradient_flow import gradient_flow
from elman.diagnostics.half_life import half_life
from elman.diagnostics.jacobian import jacobian
from elman.diagnostics.lyapunov import lyapunov
from elman.diagnostics.memory import memory
from elman.diagnostics.same_input import same_input
from elman.diagnostics.saturation import saturation
from elman.diagnostics.units import Units, units
from elman.diagnostics.words import plain
from elman.errors import DataError, ElmanError
from elman.nn.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Result(Protocol):
    """What every diagnosis returns."""

    def plot(self) -> Figure:
        """What was found as a picture."""

    def to_dict(self) -> dict[str, Any]:
        """What was found as plain JSON values."""


#: Steps whose states are drawn one by one.
FEW = 20

#: Inputs that the last answer is traced back to: over more of them the integral of the gradients often does not settle.
EXPLAINED = 24

#: Name of a diagnosis -> its result.
Results = Mapping[str, Result]


class Diagnosis(NamedTuple):
    """One of the diagnoses that an inspection makes.

    Attributes:
        chapter: Where a report shows it.
        reading: How to read its picture, in a sentence or two.
        find: Finds the result, given the subject and the results so far.
        speaks: Whether its sentences and numbers are shown too, beside its picture.
    """

    chapter: str
    reading: str
    find: Callable[[Subject, Results], Result]
    speaks: bool = True


def _telling_unit(found: Results) -> str:
    """The unit to look at closely: the one that follows a property best, or the one that the loss needs most."""
    searched, removed = found.get("units"), found.get("ablation")
    if isinstance(searched, Units):
        row = int(searched.correlations.abs().amax(1).argmax())
        return searched.best(searched.properties[row])[0]
    if isinstance(removed, Ablation):
        return removed.units[0]
    return "hidden_l0[0]"


def _few_steps(subject: Subject) -> Subject:
    """A few steps of the first row alone, those with the most different inputs."""
    labels = subject.labels[0]
    begin = max(range(max(1, len(labels) - FEW + 1)), key=lambda begin: len(set(labels[begin : begin + FEW])))
    steps = slice(begin, begin + FEW)
    return dataclasses.replace(
        subject,
        inputs=subject.inputs[:1, steps],
        targets=subject.targets[:1, steps],
        counts=subject.counts[:1, steps],
        labels=[labels[steps]],
    )


def _same_input(subject: Subject) -> Result:
    found = same_input(subject)
    if not found.pairs:
        raise DataError(f"{found} Take longer sequences.")
    return found


#: Name -> diagnosis, in the order in which a report shows them.
DIAGNOSES: Mapping[str, Diagnosis] = {
    "memory_step_by_step": Diagnosis(
        "What the state is made of",
        "A few steps from an empty state. Each glass is a state, filled with the colours of the inputs it stems from.",
        lambda subject, _: memory(_few_steps(subject)),
        speaks=False,
    ),
    "memory": Diagnosis(
        "What the state is made of",
        "How much of the state stems from each input so far. A model without memory would hold the last one alone.",
        lambda subject, _: memory(subject),
    ),
    "half_life": Diagnosis(
        "What the state is made of",
        "How fast a nudge to the state fades, and how fast each unit forgets: a dot where it was measured, a cross "
        "where its gates alone would say so.",
        lambda subject, _: half_life(subject),
    ),
    "context": Diagnosis(
        "How much of the past it uses",
        "The loss where the model may see the last inputs alone. Where the curve is flat, a longer past is of no use.",
        lambda subject, _: context(subject),
    ),
    "capacity": Diagnosis(
        "How much of the past it uses",
        "How much of each earlier input a linear readout finds in the state, where inputs come in random order.",
        lambda subject, _: capacity(subject),
    ),
    "same_input": Diagnosis(
        "The same input, different answers",
        "The same input after different pasts, coloured by what they did to the answer, and the answer without a past.",
        lambda subject, _: _same_input(subject),
    ),
    "gradient_flow": Diagnosis(
        "How far back it can learn",
        "The gradient of a loss by the state before it. What has vanished teaches nothing.",
        lambda subject, _: gradient_flow(subject),
    ),
    "saturation": Diagnosis(
        "How far back it can learn",
        "Each dot is a unit. At a corner it is stuck (orange); near the lower left it moves freely.",
        lambda subject, _: saturation(subject),
    ),
    "lyapunov": Diagnosis(
        "How its state moves",
        "By how much small differences of the state grow or fade at each step, direction by direction.",
        lambda subject, _: lyapunov(subject),
    ),
    "jacobian": Diagnosis(
        "How its state moves",
        "By how much one step stretches each direction of the state: above 1 it grows, below it fades.",
        lambda subject, _: jacobian(subject),
    ),
    "units": Diagnosis(
        "What its units do",
        "Each dot is a unit, at its correlation with the property named on the left.",
        lambda subject, _: units(subject),
    ),
    "ablation": Diagnosis(
        "What its units do",
        "How much worse the model becomes without a unit, which is held at its mean.",
        lambda subject, _: ablation(subject),
    ),
    "activity": Diagnosis(
        "What its units do",
        "The most telling unit while it reads: orange above zero, blue below.",
        lambda subject, found: activity(subject, _telling_unit(found)),
    ),
    "excitation": Diagnosis(
        "What its units do",
        "Which inputs raise and lower that unit.",
        lambda subject, found: excitation(subject, _telling_unit(found)),
    ),
    "attribution": Diagnosis(
        "Where an answer comes from",
        "What each input did for the last answer: orange raised it, blue lowered it.",
        lambda subject, _: attribution(subject, span=EXPLAINED),
    ),
}


@final
@dataclass(frozen=True)
class Inspection:
    """Everything that was found of a model.

    Attributes:
        title: Of the model.
        results: Name of a diagnosis -> its result.
        left_out: Name of a diagnosis -> why it could not be made.
        seconds: Name of a diagnosis -> what it took.
        findings: What stands out, troubles first.
    """

    title: str
    results: Results
    left_out: Mapping[str, str]
    seconds: Mapping[str, float]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None for numbers that are not finite, as those of a model that blows up."""
        return {
            "title": self.title,
            "findings": [found.to_dict() for found in self.findings],
            "results": {name: _finite(result.to_dict()) for name, result in self.results.items()},
            "left_out": dict(self.left_out),
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
        }


def _finite(value: Any) -> Any:
    """A JSON value with None in the place of every number that is not finite.

    >>> _finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return plain(value) if isinstance(value, float) else value


def inspect(subject: Subject, *, window: int | None = None, said: Callable[[str], None] | None = None) -> Inspection:
    """Make every diagnosis of a subject that can be made.

    Args:
        subject: The model and its sequences; some rows of a few hundred steps are best.
        window: Steps that training goes back, if it is truncated: some findings are about it.
        said: Told the name of each diagnosis before it is made.

    A diagnosis that raises an error of `elman.errors`, as for too short a sequence, is left out with its reason.
    """
    results: dict[str, Result] = {}
    left_out: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for name, diagnosis in DIAGNOSES.items():
        if said is not None:
            said(name)
        begin = time.perf_counter()
        try:
            results[name] = diagnosis.find(subject, results)
        except ElmanError as error:
            left_out[name] = str(error)
        else:
            seconds[name] = time.perf_counter() - begin
    return Inspection(subject.title, results, left_out, seconds, findings(results.values(), window))
