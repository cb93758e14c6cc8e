from __future__ import annotations

import pytest
import torch
from torch import nn

from elman.baselines import layers
from elman.baselines.layers import KINDS, Shape, agree, inference, matrix_products, matrix_rate, training
from elman.errors import BackendError

SHAPES = [Shape(cell, batch=2, time=4, units=5) for cell in KINDS] + [Shape("gru", 2, 4, 5, 2, bidirectional=True)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_who_race_compute_the_same(shape: Shape) -> None:
    for race in (training(shape, "reference"), inference(shape, "reference")):
        assert set(race) >= {"ours", "torch"}
        for run in race.values():
            run()


def test_a_layer_that_computes_something_else_does_not_race(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(nn.LSTM):
        def __init__(self, *sizes: int, bidirectional: bool, backend: str) -> None:
            super().__init__(*sizes, bidirectional=bidirectional)

        def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
            return super().forward(inputs)[0] * 1.01, None

    monkeypatch.setitem(layers.KINDS, "lstm", (Wrong, nn.LSTM))
    for race in (training, inference):
        with pytest.raises(BackendError, match=r"LSTM, batch 2, 4 steps, 5 units: the results differ by 0.01 "):
            race(Shape("lstm", 2, 4, 5), "reference")


def test_nan_is_no_agreement() -> None:
    with pytest.raises(BackendError, match="differ by nan"):
        agree("x", [torch.ones(1), torch.tensor([float("nan")])], [torch.ones(1), torch.ones(1)])


def test_flops_count_what_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for shape in SHAPES:
        layer = KINDS[shape.cell][0](
            shape.units, shape.units, shape.layers, bidirectional=shape.bidirectional, backend="reference"
        )
        with FlopCounterMode(display=False) as counter:
            layer(torch.zeros(shape.time, shape.batch, shape.units))
        assert counter.get_total_flops() == shape.flops


def test_the_rate_is_that_of_products_that_run() -> None:
    products = matrix_products((8, 16))
    for run in products.values():
        run()
    assert matrix_rate({8: 1e-6, 16: 4e-6}) == pytest.approx(2 * 16**3 / 4e-6)
