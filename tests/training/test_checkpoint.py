from __future__ import annotations

import contextlib
import errno
import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import CheckpointError, SaveError, TrainingError
from elman.settings import TrainingSettings, to_dict
from elman.training.checkpoint import (
    Position,
    checkpoint_file,
    load_checkpoint,
    own_random_numbers,
    random_state,
    resumed_settings,
    save_checkpoint,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
)


@given(trees)
def test_every_nested_value_comes_back(tree: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), {"tree": tree})
        assert load_checkpoint(Path(folder)) == {"tree": tree}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_tensors_come_back_to_the_last_bit(tmp_path: Path, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.arange(6).to(dtype)[: max(1, torch.Size(shape).numel())]
    tensor = tensor[:0] if shape == (0,) else tensor.reshape(shape)
    save_checkpoint(tmp_path, {"carry": [{"h_l0": tensor}, (tensor.mT if len(shape) == 2 else tensor,)]})
    back = load_checkpoint(tmp_path)["carry"]
    assert torch.equal(back[0]["h_l0"], tensor)
    assert back[0]["h_l0"].dtype == dtype
    assert torch.equal(back[1][0], tensor.mT if len(shape) == 2 else tensor)


def test_a_tensor_under_two_names_is_written_once(tmp_path: Path) -> None:
    weight = torch.ones(100, 100)
    save_checkpoint(tmp_path, {"embedding": weight, "softmax": weight})
    assert checkpoint_file(tmp_path).stat().st_size < 1.5 * weight.nbytes
    back = load_checkpoint(tmp_path)
    assert back["embedding"] is back["softmax"]


def test_a_value_of_another_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="carry/state is a set"):
        save_checkpoint(tmp_path, {"carry": {"state": {1, 2}}})


@functools.cache
def saved_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), {"weights": {"a": torch.ones(20)}, "step": 3})
        return checkpoint_file(Path(folder)).read_bytes()


@given(st.data())
def test_a_checkpoint_cut_anywhere_is_refused(data: st.DataObject) -> None:
    content = saved_bytes()
    end = data.draw(st.integers(0, len(content) - 1))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint_file(Path(folder)).parent.mkdir()
        checkpoint_file(Path(folder)).write_bytes(content[:end])
        with pytest.raises(CheckpointError, match="damaged or cut short"):
            load_checkpoint(Path(folder))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_damage_is_refused_or_harmless(noise: bytes, place: int) -> None:
    content = bytearray(saved_bytes())
    content[place : place + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        checkpoint_file(Path(folder)).parent.mkdir()
        checkpoint_file(Path(folder)).write_bytes(content)
        with contextlib.suppress(CheckpointError):
            load_checkpoint(Path(folder))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "is not a checkpoint of Elman"),
        ({"format": "elman-checkpoint", "version": "99"}, "version 99, this Elman reads version 1"),
        ({"format": "elman-checkpoint", "version": "1", "state": json.dumps({"tensor": "x"})}, "damaged"),
    ],
)
def test_another_file_or_version_is_refused(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    checkpoint_file(tmp_path).parent.mkdir()
    safetensors.torch.save_file({"a": torch.ones(2)}, checkpoint_file(tmp_path), metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, {"step": 1})

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SaveError, match="disk is full"):
        save_checkpoint(tmp_path, {"step": 2})
    assert load_checkpoint(tmp_path) == {"step": 1}
    assert [file.name for file in checkpoint_file(tmp_path).parent.iterdir()] == ["state.safetensors"]


def test_settings_that_alter_the_run_must_be_those_of_the_run() -> None:
    saved = to_dict(TrainingSettings(epochs=3, learning_rate=0.1, threads=2, precision="bf16"))
    given_settings = TrainingSettings(epochs=9, max_time=60.0, patience=2, learning_rate=0.1)
    resumed = resumed_settings(saved, given_settings)
    assert (resumed.epochs, resumed.max_time, resumed.patience) == (9, 60.0, 2)
    assert (resumed.threads, resumed.precision) == (2, "bf16")
    with pytest.raises(CheckpointError, match=r"has learning_rate 0\.1, not 0\.2; resume it with 0\.1"):
        resumed_settings(saved, TrainingSettings(learning_rate=0.2))


def test_random_numbers_of_a_block_do_not_show_outside() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with own_random_numbers():
        torch.rand(5)
    assert torch.equal(torch.rand(3), expected)
    assert set(random_state()) <= {"cpu", "cuda", "mps"}


@given(st.lists(st.floats(0, 10), max_size=20))
def test_the_position_knows_its_best_score(scores: list[float]) -> None:
    position = Position()
    for position.step, score in enumerate(scores):
        position.record(score, {"figure": score})
    assert position.best == min(scores, default=None)
    if scores:
        assert position.best_figures == {"figure": min(scores)}
        assert position.best_step == scores.index(min(scores))
        assert position.scores_since_best == len(scores) - 1 - position.best_step
        assert position.figures == {"figure": scores[-1]}
