from __future__ import annotations

import numpy as np

import onnx_files
from elman.cells.cell import ELAPSED
from elman.export.onnx.document import Document
from elman.export.onnx.sequence import Sequence

TIME = 5


def file(write: str) -> bytes:
    """A model that gives one of the parts of a sequence."""
    document = Document(np.dtype(np.float64))
    sequence = Sequence(document, document.input("inputs", ("batch", "time", 1)))
    value = {
        "state": lambda: sequence.state("hidden_l0", 2, np.array([3.0, 4.0])),
        "valid": lambda: document.add("Cast", sequence.valid, to=document.kind),
        "elapsed": lambda: sequence.extra(ELAPSED, 1),
        "elapsed backwards": sequence.elapsed_backwards,
    }[write]()
    document.output(value, ("?",) * (2 if write == "state" else 3), "found")
    if write == "state":
        sequence.leave("hidden_l0", value, 2)
    sequence.close()
    return document.content("test", {})


def found(write: str, batch: int = 2, **given: np.ndarray) -> np.ndarray:
    return onnx_files.run(file(write), {"inputs": np.zeros((batch, TIME, 1)), **given})["found"]


def test_a_state_that_is_left_out_is_the_first_one_for_every_row() -> None:
    assert found("state").tolist() == [[3, 4], [3, 4]]
    assert found("state", hidden_l0=np.array([[1.0, 2.0], [5.0, 6.0]])).tolist() == [[1, 2], [5, 6]]


def test_lengths_that_are_left_out_are_all_steps() -> None:
    assert found("valid").all()
    assert found("valid", lengths=np.array([1, 5]))[..., 0].T.tolist() == [[1, 0, 0, 0, 0], [1] * 5]


def test_the_time_between_steps_is_one_unless_given() -> None:
    assert found("elapsed").shape == (TIME, 2, 1)
    assert (found("elapsed") == 1).all()
    times = np.arange(10.0).reshape(2, TIME)
    assert (times == found("elapsed", elapsed=times)[..., 0].T).all()


def test_backwards_a_step_is_told_the_time_to_the_one_after_it() -> None:
    times = np.arange(10.0).reshape(2, TIME)
    given = found("elapsed backwards", elapsed=times, lengths=np.array([3, 5]))[..., 0].T
    assert given[0, :3].tolist() == [1, 2, 0]
    assert given[1].tolist() == [6, 7, 8, 9, 5]
