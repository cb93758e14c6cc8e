from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import small_models
from elman.errors import BundleError, SaveError
from elman.runtime import Bundle
from elman.runtime.bundle import MODELS
from elman.runtime.label_model import LabelModel
from elman.tasks import TASKS


def test_every_task_has_its_kind_of_model() -> None:
    assert set(MODELS) == set(TASKS)


def test_a_model_of_another_task_is_refused(tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    with pytest.raises(BundleError, match="task 'language-model'; a model of labels is needed here"):
        Bundle.read(folder, LabelModel)


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
@pytest.mark.parametrize("cell", ["lstm", "gru_before"])
def test_round_trip_keeps_every_bit(kind: str, cell: str, tmp_path: Path) -> None:
    read = Bundle.read(small_models.bundle(tmp_path / "model", kind, cell))
    written = small_models.tensors(read.model.shape)
    assert read.model.shape == small_models.shape(len(small_models.codec(kind)), cell)
    assert all(np.array_equal(read.model.tensors[name], value) for name, value in written.items())
    assert np.array_equal(read.model.codec.encode("The same"), small_models.codec(kind).encode("The same"))
    assert read.metrics == small_models.FIGURES


def test_a_bundle_holds_what_the_specification_says_and_nothing_that_runs(tmp_path: Path) -> None:
    small_models.bundle(tmp_path / "model")
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        "model.safetensors", "config.json", "vocabulary.json", "metrics.json", "sample.json", "README.md",
    }  # fmt: skip


def _config(folder: Path, **changes: object) -> None:
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    values.update(changes)
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


def _weight(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors["embedding.weight"] = tensors["embedding.weight"] + 0.5
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")


def _overflow(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors["embedding.weight"] = tensors["embedding.weight"] * np.float32(1e38)
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")


def _truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def _shape(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    tensors["softmax.bias"] = tensors["softmax.bias"][:-1]
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "config.json").unlink(), "config.json: is missing"),
    (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: is missing"),
    (lambda f: (f / "vocabulary.json").unlink(), "vocabulary.json: is missing"),
    (lambda f: (f / "sample.json").unlink(), "sample.json: is missing"),
    (lambda f: (f / "metrics.json").write_text("{"), "metrics.json: is not valid JSON"),
    (lambda f: (f / "metrics.json").write_text("[]"), "expected a JSON object, found list"),
    (lambda f: (f / "sample.json").write_text("{}"), "does not hold a recorded sample"),
    (lambda f: _config(f, version=99), "has bundle version 99; this Elman reads version 1"),
    (lambda f: _config(f, format="other"), "is not an Elman model"),
    (lambda f: _config(f, network={}), "'network' does not describe a network"),
    (lambda f: _config(f, codec=7), "expected a codec"),
    (_truncate, "is damaged or cut short"),
    (lambda f: (f / "model.safetensors").write_bytes(b""), "is damaged or cut short"),
    (_overflow, "does not give its recorded output"),
    (_shape, r"'softmax.bias' has shape"),
    (_weight, "does not give its recorded output"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_each_damage_is_one_sentence(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    damage(folder)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle.read(folder)
    assert "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    folder = small_models.bundle(tmp_path / "model")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BundleError, match=r"model\.safetensors: cannot be read \(Permission denied\)"):
        Bundle.read(folder)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a folder"):
        Bundle.read(tmp_path / "nothing")


@given(
    place=st.integers(0, 10**6), byte=st.integers(0, 255), file=st.sampled_from(["model.safetensors", "config.json"])
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_is_harmless_or_a_bundle_error(place: int, byte: int, file: str, tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    data = bytearray((folder / file).read_bytes())
    data[place % len(data)] = byte
    (folder / file).write_bytes(bytes(data))
    try:
        Bundle.read(folder)
    except BundleError:
        return


def test_writing_over_a_file_is_refused_and_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(SaveError, match="model"):
        small_models.bundle(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"


def test_a_failure_while_writing_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_models.bundle(tmp_path / "model")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(SaveError, match="disk is full"):
        small_models.bundle(folder, cell="gru")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
