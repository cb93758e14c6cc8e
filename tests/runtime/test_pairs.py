from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import pair_networks
import tolerances
from elman import cells
from elman.cells.cell import STATISTICS
from elman.data import SequenceBatch
from elman.decoding.beam import Penalties
from elman.errors import BundleError, DataError, UsageError
from elman.nn.pairs import PairNetwork
from elman.runtime.engine import log_softmax
from elman.runtime.pairs import DecoderEngine, Ensemble, Memory, PairEngine, part_of, search
from elman.shapes import ATTENTIONS, PairShape

TARGETS = [np.array([3, 4, 2]), np.array([], np.int64), np.array([1, 2, 5, 5])]
#: Attention, input feeding, coverage.
OPTIONS = list(itertools.product(ATTENTIONS, (True, False), (True, False)))
SOME_OPTIONS = [("general", True, True), ("additive", True, False), ("dot", False, False)]


def engine(of: PairShape, seed: int = 0, backend: str = "auto") -> PairEngine:
    return PairEngine(of, pair_networks.tensors(of, seed), backend=backend)


def check_parity(of: PairShape, backend: str = "reference") -> None:
    """What the engine tells step by step is what torch computes of the whole targets."""
    made = PairNetwork(of, backend="reference").eval()
    weights = pair_networks.tensors(of)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    sources = pair_networks.sources(of)
    inputs, targets = torch.zeros(3, 7, dtype=torch.int64), torch.full((3, 5), -1)
    for row, (source, target) in enumerate(zip(sources, TARGETS, strict=True)):
        inputs[row, : len(source)] = torch.from_numpy(source)
        targets[row, : len(target) + 1] = torch.tensor([*target, of.decoder.end])
    lengths = torch.tensor([len(source) for source in sources])
    with torch.no_grad():
        written = made(SequenceBatch(inputs=inputs, lengths=lengths, targets=targets))
        scores = made.decoder.scores(written.features).log_softmax(2)
    for row, told in enumerate(PairEngine(of, weights, backend=backend).told(sources, TARGETS)):
        steps = len(TARGETS[row]) + 1
        expected = scores[row, torch.arange(steps), targets[row, :steps]]
        np.testing.assert_allclose(told.log_probabilities, expected, **tolerances.NUMPY_AGAINST_TORCH)
        looked = written.attention[row, :steps, : lengths[row]]
        np.testing.assert_allclose(told.attention, looked, **tolerances.NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("name", pair_networks.DECODERS)
def test_what_it_tells_is_what_the_torch_network_tells(name: str, backend: str) -> None:
    check_parity(pair_networks.shape(**pair_networks.DECODERS[name]), backend)


@pytest.mark.parametrize("cell", cells.CELLS)
def test_every_cell_with_every_attention(cell: str) -> None:
    measures = {each.kind for each in cells.make(cell, 5, 4).parameters().values()} & set(STATISTICS)
    options = OPTIONS if cell in ("gru", "lstm") else SOME_OPTIONS
    for attention, feeding, coverage in options:
        loop = {} if measures else {"input_feeding": feeding, "coverage": coverage}
        changes = {"input_feeding": False, "attention": attention, **loop}
        check_parity(pair_networks.shape(cell=cell, encoder={"hidden_sizes": (4, 4)}, hidden_sizes=(8,), **changes))


def test_one_direction_and_a_shared_embedding() -> None:
    check_parity(pair_networks.shape(shared=True, tied=True, encoder={"bidirectional": False, "hidden_sizes": (3, 4)}))


@pytest.mark.parametrize("coverage", [False, True])
def test_a_wide_beam_finds_the_best_target_of_all(coverage: bool) -> None:
    of = pair_networks.shape(symbols=4, attention="additive", coverage=coverage, tied=False)
    made, sources = engine(of), pair_networks.sources(of)
    every = [np.array(each, np.int64) for n in range(4) for each in itertools.product(range(3), repeat=n)]
    penalties = Penalties(length=0.6)
    for source, found in zip(
        sources, search([made], sources, [3] * 3, beam=60, count=3, penalties=penalties), strict=True
    ):
        told = made.told([source] * len(every), every)
        totals = [
            each.log_probabilities.sum() / penalties.divisor(len(y) + 1) for each, y in zip(told, every, strict=True)
        ]
        best = np.argsort(totals)[::-1][:3]
        assert [output.symbols for output in found] == [every[place].tolist() for place in best]
        for output, place in zip(found, best, strict=True):
            assert output.score == pytest.approx(totals[place], rel=1e-4)
            assert output.attention is not None
            np.testing.assert_allclose(output.attention, told[place].attention, **tolerances.NUMPY_AGAINST_TORCH)


def test_sources_are_found_the_same_alone_and_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine(pair_networks.shape())
    sources = pair_networks.sources(made.shape, (7, 1, 4, 0, 5))
    together = search([made], sources, [6] * 5, beam=3)
    monkeypatch.setattr("elman.runtime.pairs.HYPOTHESES_AT_ONCE", 6)
    for some in (
        search([made], sources, [6] * 5, beam=3),
        [search([made], [each], [6], beam=3)[0] for each in sources],
    ):
        for one, other in zip(some, together, strict=True):
            assert one[0].symbols == other[0].symbols
            assert one[0].log_probability == pytest.approx(other[0].log_probability, rel=1e-4)


def test_rows_may_be_selected_in_any_order_and_often() -> None:
    made = engine(pair_networks.shape(coverage=True, attention="additive")).decoder
    memory = Memory(np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32), np.array([4, 2, 3]))
    state, _, _ = made.step(made.start(memory), np.array([1, 2, 3]))
    _, expected, where = made.step(state, np.array([4, 5, 6]))
    rows = np.array([2, 0, 2])
    _, found, looked = made.step(made.select(state, rows), np.array([6, 4, 6]))
    np.testing.assert_allclose(found, expected[rows], **tolerances.NUMPY_AGAINST_TORCH)
    np.testing.assert_allclose(looked, where[rows], **tolerances.NUMPY_AGAINST_TORCH)


def test_an_ensemble_is_the_mean_of_what_its_members_say() -> None:
    of = pair_networks.shape()
    several = [engine(of, seed).decoder for seed in range(3)]
    memories = [
        Memory(np.random.default_rng(seed).normal(size=(2, 4, 6)).astype(np.float32), np.array([4, 2]))
        for seed in range(3)
    ]
    together = Ensemble(several)
    symbols = np.array([1, 2])
    _, found, attention = together.step(together.start(memories), symbols)
    each = [made.step(made.start(memory), symbols) for made, memory in zip(several, memories, strict=True)]
    np.testing.assert_allclose(np.exp(found), np.mean([np.exp(one[1]) for one in each], 0), **tolerances.FLOAT32_STEP)
    np.testing.assert_allclose(attention, np.mean([one[2] for one in each], 0), **tolerances.FLOAT32_STEP)
    best = search([engine(of, seed) for seed in range(3)], pair_networks.sources(of), [5] * 3)
    assert all(len(outputs) == 1 for outputs in best)


def test_an_ensemble_writes_one_alphabet() -> None:
    of, other = pair_networks.shape(), pair_networks.shape(symbols=7)
    with pytest.raises(UsageError, match="of the same symbols"):
        Ensemble([engine(of).decoder, engine(other).decoder])


def test_bfloat16_is_close() -> None:
    of = pair_networks.shape()
    weights = pair_networks.tensors(of)
    exact, rounded = (PairEngine(of, weights, precision=each) for each in ("float32", "bfloat16"))
    sources = pair_networks.sources(of)
    for one, other in zip(exact.told(sources, TARGETS), rounded.told(sources, TARGETS), strict=True):
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=tolerances.BFLOAT16_WEIGHTS)


def test_unknown_symbols_and_tensors_that_do_not_fit_are_named() -> None:
    of = pair_networks.shape()
    with pytest.raises(DataError, match="0 to 10, found 11"):
        engine(of).told([np.array([11])], [np.array([1])])
    weights: dict[str, Any] = pair_networks.tensors(of)
    with pytest.raises(BundleError, match=r"'first.bias' is missing"):
        DecoderEngine(of.decoder, {n: v for n, v in part_of(weights, "decoder").items() if n != "first.bias"})


def test_log_probabilities_sum_to_one() -> None:
    made = engine(pair_networks.shape()).decoder
    memory = Memory(np.ones((2, 3, 6), np.float32), np.array([3, 1]))
    _, found, attention = made.step(made.start(memory), np.array([8, 8]))
    np.testing.assert_allclose(found, log_softmax(found), **tolerances.FLOAT32_STEP)
    assert (attention[1, 1:] == 0).all()
