"""Every cell in the table gives the same as an ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

import onnx_files
from contracts.cells import ROWS, Row, cut, random_extras, random_state, tensors, weights
from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.export.onnx.layers import Layers
from elman.export.onnx.model import Model
from elman.nn import unroll
from tolerances import FLOAT32_RECURRENCE, ONNX_FLOAT64

BATCH, TIME, CUT = 4, 9, 5
LENGTHS = (4, 1, 3, 4)  # of what comes after the cut

every_cell = pytest.mark.parametrize("row", ROWS, ids=str)


def exported(cell: Cell, params: dict[str, np.ndarray], dtype: type) -> bytes:
    """One layer as a file."""
    named = {f"{name}_l0": value for name, value in params.items()}
    return Model(Layers((cell,), named), run=unused, dtype=np.dtype(dtype)).content()


def unused(*_: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    raise AssertionError("the file is compared here")


def as_inputs(extras: dict[str, torch.Tensor], steps: int) -> dict[str, np.ndarray]:
    """Extras as the file takes them: of every step, and the time between steps without an axis of features."""
    found = {
        name: value[:, None].expand(-1, steps, -1) if value.dim() == 2 else value for name, value in extras.items()
    }
    return {name: value[..., 0].numpy() if name == ELAPSED else value.numpy() for name, value in found.items()}


@every_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_file_gives_what_the_cell_gives(row: Row, dtype: type) -> None:
    """In two pieces with the state carried, the second one of several lengths."""
    cell = row.make()
    params, state = weights(cell), random_state(cell, BATCH)
    content = exported(cell, params, dtype)
    onnx.checker.check_model(content, full_check=True)
    file = onnx_files.open_file(content)
    names = [each.name for each in file.get_outputs()]
    assert names == ["outputs", *(f"{name}_l0_after" for name in state)]
    inputs = torch.randn(BATCH, TIME, cell.input_size, generator=torch.Generator().manual_seed(3)).double()
    extras = random_extras(cell, BATCH, TIME)
    expected_state, carried = tensors(state), {f"{name}_l0": value.astype(dtype) for name, value in state.items()}
    for steps, lengths in ((slice(CUT), None), (slice(CUT, TIME), torch.tensor(LENGTHS))):
        own = cut(extras, slice(None), steps)
        run = unroll(
            cell, tensors(params), inputs[:, steps], expected_state, extras=own, lengths=lengths, backend="reference"
        )
        expected_state = run.state
        given = as_inputs(own, run.outputs.shape[1]) | {"inputs": inputs[:, steps].numpy()}
        given = {name: value.astype(dtype) for name, value in given.items()} | carried
        given |= {} if lengths is None else {"lengths": lengths.numpy()}
        outputs, *after = file.run(None, given)
        carried = dict(zip(carried, after, strict=True))
        tolerance = FLOAT32_RECURRENCE if dtype == np.float32 else ONNX_FLOAT64
        for found, expected in zip([outputs, *after], [run.outputs, *run.state.values()], strict=True):
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected.numpy(), rtol=tolerance, atol=tolerance)
