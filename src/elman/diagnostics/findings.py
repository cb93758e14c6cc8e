"""What stands out in the numbers of a model: every finding is a rule with a threshold, its number, and what to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, final

import torch

from elman.diagnostics import words
from elman.diagnostics.ablation import Ablation
from elman.diagnostics.attribution import Attribution
from elman.diagnostics.context import Context
from elman.diagnostics.gradient_flow import GradientFlow
from elman.diagnostics.half_life import HalfLife
from elman.diagnostics.lyapunov import Lyapunov
from elman.diagnostics.same_input import SameInput
from elman.diagnostics.saturation import STUCK, Saturation
from elman.diagnostics.units import SIGNIFICANT, Units

#: Part of the steps training goes back that gradients should reach, and steps where nobody says how many these are.
REACHED, SHORT_REACH = 0.5, 20

#: Times the first gradient that one further back may have.
GROWTH = 10.0

#: Lyapunov exponent per step above which small differences are said to grow.
CHAOS = 0.001

#: Steps in which half of the state may be gone at the soonest.
SHORT_HALF_LIFE = 3.0

#: Share of the units of one function that may be stuck; of the values of gates that may be at their bounds; of the
#: values of a state that may be clipped.
STUCK_SHARE, GATE_SHARE, CLIPPED_SHARE = 0.05, 0.9, 0.01

#: Share of the loss without any past that the past should save.
WORTH = 0.02

#: Share of the loss that a unit must be good for to be needed; share of the units that may be not; share of the loss
#: that a single unit may be good for.
NEEDED, SPARE_UNITS, ONE_UNIT = 0.0005, 0.5, 0.2

#: Part of an output's change by which integrated gradients may miss it.
LOOSE = 0.1

#: Difference of probabilities, from 0 to 1, that the past of one input should make at least.
SAME = 0.1

#: Correlation, by size, from which on a unit is said to be about something.
ABOUT = 0.7


@final
@dataclass(frozen=True)
class Finding:
    """Something that stands out.

    Attributes:
        rule: Name of the rule.
        kind: ``trouble`` where something may be wrong, ``note`` where it is good to know.
        text: What was found, in a sentence or two with its number.
        advice: What to try; empty where nothing is to be done.
        number: What was measured.
        threshold: What the rule holds it against.
    """

    rule: str
    kind: Literal["trouble", "note"]
    text: str
    advice: str
    number: float
    threshold: float

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"number": words.plain(self.number), "threshold": words.plain(self.threshold)}


def findings(results: Iterable[Any], window: int | None = None) -> tuple[Finding, ...]:
    """What stands out in the results of diagnoses, troubles first.

    Args:
        results: Results of any diagnoses; rules of others say nothing.
        window: Steps that training goes back by truncated backpropagation, where somebody knows.
    """
    rules: list[tuple[type[Any], Callable[[Any], Finding | None]]] = [
        (GradientFlow, lambda flow: short_reach(flow, window)),
        (GradientFlow, growing_gradients),
        (Lyapunov, chaos),
        (HalfLife, forgetful),
        (Saturation, stuck_units),
        (Saturation, hard_gates),
        (Saturation, clipped_states),
        (Context, unused_past),
        (Context, lambda context: narrow_window(context, window)),
        (SameInput, same_answers),
        (Ablation, spare_units),
        (Ablation, one_unit),
        (Units, speaking_units),
        (Attribution, loose_attribution),
    ]
    given = list(results)
    found = [rule(result) for kind, rule in rules for result in given if isinstance(result, kind)]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.kind == "note"))


def short_reach(flow: GradientFlow, window: int | None = None) -> Finding | None:
    """Gradients reach less than half as far as training goes back, or less than 20 steps where that is not known."""
    threshold = SHORT_REACH if window is None else REACHED * window
    if not flow.is_whole or flow.reach >= threshold:
        return None
    first = float(flow.median[0])
    half = _halving(first, float(flow.median[flow.reach]), flow.reach)
    goes_back = "" if window is None else f" Training goes back {words.steps(window)}, most of them for nothing."
    return Finding(
        "short reach", "trouble",
        f"Gradients halve every {words.steps(half)}; beyond {words.steps(flow.reach)} less than 1% of them "
        f"arrives.{goes_back}",
        "Try, where older inputs should matter, a cell with gates (lstm, gru) and memory=N, which starts its gates "
        "open for about N steps. Where they should not, training need not go back further than "
        f"{words.steps(max(1, flow.reach))}.",
        flow.reach, threshold,
    )  # fmt: skip


def _halving(first: float, last: float, distance: int) -> float:
    """Steps in which a value falls by half, from two logarithms so far apart; one that vanished at least so fast."""
    fallen = min(first - last, 700.0)
    return distance * math.log(2) / fallen


def growing_gradients(flow: GradientFlow) -> Finding | None:
    """The median gradient somewhere is more than `GROWTH` times that at the loss."""
    largest = float((flow.median - flow.median[0]).max())
    if largest <= math.log(GROWTH):
        return None
    distance = int(flow.median.argmax())
    times = f"{math.exp(largest):.3g} times" if largest < 700 else "beyond counting"
    return Finding(
        "growing gradients", "trouble",
        f"Gradients grow on their way back: {words.steps(distance)} before the loss they are {times} as large.",
        "Try a smaller clip_norm or learning_rate, or smaller recurrent weights to begin with.",
        math.exp(min(largest, 700.0)), GROWTH,
    )  # fmt: skip


def chaos(exponents: Lyapunov) -> Finding | None:
    """The largest Lyapunov exponent is above `CHAOS`, and above zero by two standard errors where these are known."""
    top, error = float(exponents.exponents[0]), float(exponents.errors[0])
    if not top > CHAOS or top < 2 * error:
        return None
    return Finding(
        "chaos", "trouble",
        f"Small differences of the state do not fade but double every {words.steps(math.log(2) / top)}: what the model "
        "says depends on rounding after a while.",
        "Try smaller recurrent weights, weight_decay, or a cell with gates.",
        top, CHAOS,
    )  # fmt: skip


def forgetful(fading: HalfLife) -> Finding | None:
    """Half of the state is gone in fewer than `SHORT_HALF_LIFE` steps."""
    if fading.whole >= SHORT_HALF_LIFE:
        return None
    return Finding(
        "forgetful", "trouble",
        f"Half of what the state holds is gone after {words.steps(fading.whole)}.",
        "Try a cell with gates, or memory=N at the start of training, if anything older should be known.",
        fading.whole, SHORT_HALF_LIFE,
    )  # fmt: skip


def stuck_units(saturation: Saturation) -> Finding | None:
    """More than `STUCK_SHARE` of the units of one tanh or relu are at their bounds nearly always."""
    shares = {
        name: float(function.stuck.double().mean())
        for name, function in saturation.functions.items()
        if function.kind != "gate"
    }
    worst = max(shares, key=lambda name: shares[name], default=None)
    if worst is None or shares[worst] <= STUCK_SHARE:
        return None
    stuck = saturation.functions[worst].stuck
    return Finding(
        "stuck units", "trouble",
        f"Of the {len(stuck)} units of {worst} {int(stuck.sum())} are saturated at {STUCK:.0%} of the steps or more: "
        "they hardly change, and hardly any gradient passes through them.",
        "Try a smaller learning_rate, inputs nearer to 0, or weight_decay.",
        shares[worst], STUCK_SHARE,
    )  # fmt: skip


def hard_gates(saturation: Saturation) -> Finding | None:
    """More than `GATE_SHARE` of the values of gates are shut or open."""
    if saturation.gates <= GATE_SHARE:
        return None
    return Finding(
        "hard gates", "trouble",
        f"{saturation.gates:.0%} of the values of gates are near 0 or 1, where they hardly learn.",
        "Try a smaller learning_rate or weight_decay, and fewer steps if it was better before.",
        saturation.gates, GATE_SHARE,
    )  # fmt: skip


def clipped_states(saturation: Saturation) -> Finding | None:
    """More than `CLIPPED_SHARE` of a state is at the bound of ``clip``."""
    worst = max(saturation.clipped, key=lambda name: saturation.clipped[name], default=None)
    if worst is None or saturation.clipped[worst] <= CLIPPED_SHARE:
        return None
    return Finding(
        "clipped states", "trouble",
        f"{saturation.clipped[worst]:.0%} of the values of {worst} are cut off by clip.",
        "Try a larger clip.",
        saturation.clipped[worst], CLIPPED_SHARE,
    )  # fmt: skip


def unused_past(context: Context) -> Finding | None:
    """All the past together saves less than `WORTH` of the loss."""
    alone = float(context.losses["cut"][0])
    saved = (alone - context.full) / alone if alone > 0 else 0.0
    if saved >= WORTH:
        return None
    return Finding(
        "unused past", "trouble",
        f"With all the past the loss is {context.full:.3g}, with the present input alone {alone:.3g}: the past saves "
        f"{max(saved, 0.0):.1%} of it, so the state is hardly used.",
        "Try more training, or look at text that has more to remember.",
        saved, WORTH,
    )  # fmt: skip


def narrow_window(context: Context, window: int | None) -> Finding | None:
    """The model uses as many steps as training goes back, or more."""
    used = context.usable["cut"].steps
    if window is None or used < window:
        return None
    far = f"more than {words.steps(context.windows[-1])}" if math.isinf(used) else words.steps(used)
    return Finding(
        "narrow window", "note",
        f"The model uses {far} of its past, and training goes back {window}: it remembers further than it was taught.",
        f"Try a window of {2 * window}: it may have more to learn from.",
        used, window,
    )  # fmt: skip


def same_answers(found: SameInput) -> Finding | None:
    """No past changes the probabilities after an input by `SAME` or more."""
    if not found.answers or not found.pairs or found.pairs[0].difference >= SAME:
        return None
    pair = found.pairs[0]
    return Finding(
        "same answers", "trouble",
        f"The same input gets nearly the same answer wherever it stands: probabilities differ by {pair.difference:.2g} "
        f"at most, after {pair.label!r}.",
        "Try more training, or look at data in which the past matters.",
        pair.difference, SAME,
    )  # fmt: skip


def spare_units(ablation: Ablation) -> Finding | None:
    """More than `SPARE_UNITS` of the units that were tried can each be missed."""
    spare = sum(abs(rise) < NEEDED * ablation.loss for rise in ablation.rises)
    share = spare / len(ablation.units)
    if share <= SPARE_UNITS:
        return None
    return Finding(
        "spare units", "note",
        f"Of the {len(ablation.units)} units that matter most {spare} can each be taken out with the loss changing by "
        f"less than {NEEDED:.2%}.",
        "Try a smaller hidden_size: it may do as well, in less time. Units can also stand in for each other.",
        share, SPARE_UNITS,
    )  # fmt: skip


def one_unit(ablation: Ablation) -> Finding | None:
    """A single unit is good for more than `ONE_UNIT` of the loss."""
    worst = max(range(len(ablation.units)), key=lambda unit: ablation.rises[unit])
    share = ablation.rises[worst] / ablation.loss if ablation.loss > 0 else 0.0
    if share <= ONE_UNIT:
        return None
    return Finding(
        "one unit", "note",
        f"Without {ablation.units[worst]} alone the loss rises by {share:.0%}: much hangs on a single unit.",
        "Try dropout, which makes units stand in for each other.",
        share, ONE_UNIT,
    )  # fmt: skip


def speaking_units(units: Units) -> Finding | None:
    """A unit follows a property closely (`ABOUT`) and beyond chance."""
    sure = units.correlations.abs() * (units.p < SIGNIFICANT)
    best = sure.amax(1)
    if not float(best.max()) >= ABOUT:
        return None
    order = [row for row in best.argsort(descending=True).tolist() if best[row] >= ABOUT][:3]
    told = []
    for row in order:
        unit = int(sure[row].argmax())
        told.append(f"{units.units[unit]} follows '{units.properties[row]}' ({units.correlations[row, unit]:+.2f})")
    return Finding(
        "speaking units", "note",
        f"Units that stand for something: {', '.join(told)}; correlations, p < {SIGNIFICANT:g} after correction for "
        f"all {len(units.units)} units.",
        "",
        float(torch.max(best)), ABOUT,
    )  # fmt: skip


def loose_attribution(attribution: Attribution) -> Finding | None:
    """Integrated gradients miss the change that they should add up to by more than `LOOSE` of it."""
    change = abs(attribution.output - attribution.baseline)
    if not abs(attribution.error) > LOOSE * change:
        return None
    return Finding(
        "loose attribution", "note",
        f"The integrated gradients of {attribution.answer} miss the {change:.2g} that they should add up to by "
        f"{abs(attribution.error):.2g}: the output changes too wildly on the way from mean inputs.",
        "Trust occlusion instead, or look at fewer inputs.",
        abs(attribution.error), LOOSE * change,
    )  # fmt: skip
