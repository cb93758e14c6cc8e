"""Every finding on a model where it must appear and on one where it must not."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, of
from diagnostics.subjects import random_layers, subject
from elman.diagnostics import gradient_flow, half_life, lyapunov, saturation
from elman.diagnostics.ablation import ablation
from elman.diagnostics.attribution import attribution
from elman.diagnostics.context import context
from elman.diagnostics.findings import Finding, findings
from elman.diagnostics.same_input import same_input
from elman.diagnostics.units import units
from elman.nn import Recurrent
from elman.nn.subject import Subject


def decaying(rate: float) -> Subject:
    return linear(np.array([[rate]]))


def weights(layers: Recurrent, **values: float) -> Recurrent:
    with torch.no_grad():
        for name, value in values.items():
            layers.get_parameter(f"{name}_l0").fill_(value)
    return layers


def scaled(factor: float) -> Subject:
    """A random tanh network with its recurrent weights so many times as large."""
    layers = random_layers("rnn", units=30)
    with torch.no_grad():
        layers.weight_hh_l0 *= factor
    return of(layers, time=100)


def shift_register(length: int, asked: int, time: int = 60) -> Subject:
    """A line of units that inputs move along one place a step, and the question which one came ``asked`` steps ago."""
    layers = linear(np.eye(length, k=-1), time=time).recurrent
    weights(layers, weight_ih=0.0)
    with torch.no_grad():
        layers.weight_ih_l0[0] = 1.0
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randint(2, (2, time, 1), generator=rng, dtype=torch.float64) * 2 - 1
    return Subject(
        layers,
        inputs,
        lambda outputs: outputs[..., asked],
        lambda scores, targets: 0.1 + (scores - targets).square(),
        inputs[..., 0].roll(asked, 1),
        torch.ones(2, time, dtype=torch.bool),
        [["x"] * time] * 2,
        title="shift register",
    )


def averaging(count: int) -> Subject:
    """Many units of which each knows the last input, with an answer that is their mean."""
    seen = linear(np.zeros((count, count)))
    return dataclasses.replace(seen, readout=lambda outputs: outputs.mean(-1), losses=lambda s, t: 1 + s.square())


def naming(memory: float) -> Subject:
    """Ones and minus ones, and a unit that knows them, and what was before as far as its recurrent weight goes."""
    layers = weights(Recurrent("rnn", 1, 1), weight_ih=0.5, weight_hh=memory, bias_ih=0.0, bias_hh=0.0)
    seen = of(layers)
    return dataclasses.replace(
        seen,
        inputs=seen.inputs.sign(),
        readout=lambda outputs: torch.cat([outputs, -outputs], -1),
        answers=["one", "zero"],
    )


def reading_vowels(is_real: bool) -> Subject:
    """A unit that is told which letters are vowels; or something else about them, by chance."""
    rng = np.random.default_rng(0)
    letters = rng.choice(list("aeioubcdfg"), (4, 100))
    told = np.isin(letters, list("aeiou")) if is_real else rng.random((4, 100)) < 0.5
    seen = of(
        weights(Recurrent("rnn", 1, 1), weight_ih=1.0, weight_hh=0.0, bias_ih=0.0, bias_hh=0.0), time=100, batch=4
    )
    inputs = torch.from_numpy(told[..., None].astype(np.float64))
    return dataclasses.replace(seen, inputs=inputs, labels=letters.tolist())


#: Rule -> the diagnosis, subjects where it must appear and where not, and the window of training.
Find = Callable[[Subject], Any]
CASES: dict[str, tuple[Find, Callable[[], Subject], Callable[[], Subject], int | None]] = {
    "short reach": (gradient_flow, lambda: decaying(0.5), lambda: decaying(0.95), None),
    "growing gradients": (gradient_flow, lambda: decaying(1.2), lambda: decaying(1.0), None),
    "chaos": (lyapunov, lambda: scaled(6.0), lambda: scaled(0.5), None),
    "forgetful": (half_life, lambda: decaying(0.5), lambda: decaying(0.9), None),
    "stuck units": (
        saturation,
        lambda: of(weights(Recurrent("rnn", 1, 4), bias_ih=9.0)),
        lambda: of(weights(Recurrent("rnn", 1, 4), weight_ih=0.1, bias_ih=0.0)),
        None,
    ),
    "hard gates": (
        saturation,
        lambda: of(weights(Recurrent("lstm", 1, 4), bias_ih=9.0)),
        lambda: of(Recurrent("lstm", 1, 4)),
        None,
    ),
    "clipped states": (
        saturation,
        lambda: of(Recurrent("lstm", 1, 4, clip=0.01)),
        lambda: of(Recurrent("lstm", 1, 4, clip=100.0)),
        None,
    ),
    "unused past": (context, lambda: shift_register(4, 0), lambda: shift_register(4, 2), None),
    "narrow window": (context, lambda: shift_register(8, 6), lambda: shift_register(8, 4), 5),
    "same answers": (same_input, lambda: naming(0.0), lambda: naming(1.0), None),
    "spare units": (ablation, lambda: shift_register(12, 2), lambda: shift_register(4, 3), None),
    "one unit": (ablation, lambda: shift_register(4, 3), lambda: averaging(40), None),
    "speaking units": (units, lambda: reading_vowels(True), lambda: reading_vowels(False), None),
    "loose attribution": (
        lambda seen: attribution(seen, points=1),
        lambda: subject(weights(random_layers("rnn", inputs=1), weight_ih=30.0), time=12),
        lambda: linear(np.array([[0.9]])),
        None,
    ),
}


def found(rule: str, seen: Subject) -> Finding | None:
    diagnosis, _, _, window = CASES[rule]
    return next((one for one in findings([diagnosis(seen)], window) if one.rule == rule), None)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_appears_where_it_must(rule: str) -> None:
    finding = found(rule, CASES[rule][1]())
    assert finding is not None
    assert finding.text.endswith(".")
    assert not finding.advice or finding.advice.endswith(".")
    assert set(finding.to_dict()) == {"rule", "kind", "text", "advice", "number", "threshold"}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_silent_where_it_must_be(rule: str) -> None:
    assert found(rule, CASES[rule][2]()) is None


def test_the_sentence_has_the_numbers() -> None:
    flow = gradient_flow(decaying(0.5))
    (finding,) = findings([flow], window=16)
    assert (finding.number, finding.threshold) == (7, 8)
    assert "halve every 1 step; beyond 7 steps less than 1%" in finding.text
    assert "Training goes back 16 steps" in finding.text
    assert findings([flow], window=14) == ()


def test_troubles_come_first() -> None:
    results = [units(reading_vowels(True)), half_life(decaying(0.5))]
    assert [one.kind for one in findings(results)] == ["trouble", "note"]


def test_all_rules_are_tried() -> None:
    module = importlib.import_module("elman.diagnostics.findings")
    rules = [
        name for name, rule in vars(module).items()
        if inspect.isfunction(rule) and "Finding | None" in str(rule.__annotations__.get("return"))
    ]  # fmt: skip
    assert len(rules) == len(CASES)


def test_the_guide_names_every_rule() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "inspect.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([a-z ]+) \| [a-z]", guide, re.MULTILINE) == list(CASES)
