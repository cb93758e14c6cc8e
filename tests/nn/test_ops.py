from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import NumpyOps, Ops
from elman.nn import TorchOps
from tolerances import ROUNDING

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 3, 4))
W, B = RNG.standard_normal((5, 4)), RNG.standard_normal(5)
CALLS: dict[str, tuple[Any, ...]] = {
    "linear": (X, W, B),
    "split": (X, 2),
    "join": (X, Y, X),
    "sigmoid": (X,),
    "tanh": (X,),
    "relu": (X,),
    "exp": (X,),
    "log": (abs(X),),
    "sqrt": (abs(X),),
    "sin": (X,),
    "cos": (X,),
    "floor": (X,),
    "maximum": (X, Y),
    "minimum": (X, Y),
    "where": (X > 0, X, Y),
    "sum": (X,),
    "mean": (X,),
    "expand": (X, 2, 3),
    "fold": (X, 1, 2),
    "layer_norm": (X, Y[0, 0], Y[0, 1]),
    "batch_norm": (X, Y[0, 0], abs(Y[0, 1]), Y[0, 2], Y[1, 0]),
}


def test_every_operation_is_tested() -> None:
    protocol = {name for name, _ in inspect.getmembers(Ops, inspect.isfunction) if not name.startswith("_")}
    assert set(CALLS) == protocol


@pytest.mark.parametrize("name", CALLS)
def test_torch_gives_numpys_numbers(name: str) -> None:
    arguments = CALLS[name]
    plain = getattr(NumpyOps(), name)(*arguments)
    other = getattr(TorchOps(), name)(*(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments))
    for one, two in zip(plain, other, strict=True):
        np.testing.assert_allclose(two.numpy(), one, rtol=ROUNDING, atol=ROUNDING)
