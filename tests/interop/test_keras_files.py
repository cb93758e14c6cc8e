from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elman.errors import DataError, UsageError
from elman.interop import from_keras
from interop.keras_by_hand import arrays, layer, model, weights, write, write_h5

GROUP = "layers/lstm/cell"


def whole(tmp_path: Path) -> Path:
    """A file that can be read."""
    path = write(tmp_path / "whole.keras", model(layer()), weights({GROUP: arrays()}))
    assert list(from_keras(path)) == ["layer"]
    return path


def whole_h5(tmp_path: Path) -> Path:
    """The same in the older form."""
    names = ("layer/kernel:0", "layer/recurrent_kernel:0", "layer/bias:0")
    path = write_h5(tmp_path / "whole.h5", model(layer()), {"layer": dict(zip(names, arrays(), strict=True))})
    assert list(from_keras(path)) == ["layer"]
    return path


def with_weights(tmp_path: Path, change: Callable[[h5py.File], None]) -> Path:
    """The file after a change of its HDF5 part."""
    data = io.BytesIO(weights({GROUP: arrays()}))
    with h5py.File(data, "a") as file:
        change(file)
    return write(tmp_path / "changed.keras", model(layer()), data.getvalue())


@pytest.mark.parametrize("make", [whole, whole_h5], ids=["keras", "h5"])
def test_files_that_are_cut_short(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    data = path.read_bytes()
    for length in [*range(0, len(data), len(data) // 60), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=path.name):
            from_keras(path)


def test_damaged_files(tmp_path: Path) -> None:
    path = whole(tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(data), size=100):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            from_keras(path)
        except (DataError, UsageError) as error:
            assert path.name in str(error)  # noqa: PT017 - not every byte of a zip file has a meaning


def test_what_is_no_file_of_keras(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(DataError, match=r"m\.keras: cannot be read \(No such file"):
        from_keras(path)
    with pytest.raises(DataError, match=r"Save a model that is a folder as \.keras first"):
        from_keras(tmp_path)
    path.write_text("no model")
    with pytest.raises(DataError, match="is no Keras file"):
        from_keras(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DataError, match=r"has no metadata\.json"):
        from_keras(path)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "config.json is not valid JSON"),
        ("[]", "config.json must be a JSON object, found list"),
        ("[" * 100_000, "config.json is not valid JSON"),
        ('{"config": {"layers": 3}}', "no recurrent layer"),
        ('{"config": {"layers": [3, {}, {"config": []}]}}', "no recurrent layer"),
    ],
    ids=range(5),
)
def test_descriptions_that_are_none(tmp_path: Path, config: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        from_keras(write(tmp_path / "m.keras", config, weights({})))


def everywhere(value: Any, put: Any) -> Iterator[Any]:
    """``value`` with ``put`` in the place of each of its parts, one after the other."""
    yield put
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for changed in everywhere(value[key], put):
            copy = value.copy()
            copy[key] = changed
            yield copy


@pytest.mark.parametrize("put", [None, 3, "x", True, [], {}, [1], {"a": []}], ids=str)
def test_any_part_of_the_description_may_be_wrong(tmp_path: Path, put: Any) -> None:
    cell = {"class_name": "GRUCell", "config": {"units": 3, "activation": "relu"}}
    stack = {"class_name": "StackedRNNCells", "config": {"cells": [cell]}}
    both = layer("Bidirectional", name="both", layer=layer("RNN", cell=stack), merge_mode="sum")
    places = ("forward_layer/cell/cells/gru_cell", "backward_layer/cell/cells/gru_cell")
    data = weights({GROUP: arrays(), **{f"layers/bidirectional/{place}": arrays("GRU") for place in places}})
    whole = model(layer(go_backwards=False, use_bias=True), both)
    assert list(from_keras(write(tmp_path / "m.keras", whole, data))) == ["layer", "both"]
    for config in everywhere(whole, put):
        path = write(tmp_path / "m.keras", config, data)
        with contextlib.suppress(DataError, UsageError):  # what is not needed may be anything
            from_keras(path)


def test_models_nested_as_deep_as_can_be(tmp_path: Path) -> None:
    # How deep JSON itself may go depends on Python.
    for depth in (300, 3000):
        config = '{"class_name": "Model", "config": {"layers": [' * depth + "]}}" * depth
        with pytest.raises(DataError, match=r"m\.keras"):
            from_keras(write(tmp_path / "m.keras", config, weights({})))


@pytest.mark.parametrize("version", ["1.2.2", "4.0", "", "none"])
def test_other_versions(tmp_path: Path, version: str) -> None:
    with pytest.raises(UsageError, match="files of Keras 2 and 3 can be read"):
        from_keras(write(tmp_path / "m.keras", model(layer()), weights({}), version))


def test_weights_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.weights.h5"
    path.write_bytes(weights({GROUP: arrays()}))
    with pytest.raises(DataError, match=r"holds weights alone, .* model\.save"):
        from_keras(path)


@pytest.mark.parametrize(
    "entry",
    [
        layer("Lambda", name="shift", function=["4wEA", None, None]),
        layer(name="shift", activation={"class_name": "__lambda__", "config": {"value": "4wEA"}}),
        layer("TimeDistributed", name="wrapper", layer=layer("Lambda", name="shift")),
        model(layer("Lambda", name="shift")),
    ],
    ids=["layer", "activation", "wrapped", "in a model within"],
)
def test_code_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = write(tmp_path / "m.keras", model(layer(), entry), weights({GROUP: arrays()}))
    with pytest.raises(UsageError, match="layer 'shift' is, or has, a Lambda: Python code"):
        from_keras(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    secret.write_bytes(weights({GROUP: arrays(seed=1)}))

    def external(file: h5py.File) -> None:
        del file[GROUP]
        file[GROUP] = h5py.ExternalLink(str(secret), GROUP)

    def soft(file: h5py.File) -> None:
        file["elsewhere"] = file[GROUP]
        del file[GROUP]
        file[GROUP] = h5py.SoftLink("/elsewhere")

    for change in (external, soft):
        with pytest.raises(UsageError, match=f"'{GROUP}/vars' is a link, and links are not followed"):
            from_keras(with_weights(tmp_path, change))


def test_numbers_of_other_files_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))

    def outside(file: h5py.File) -> None:
        del file[f"{GROUP}/vars/2"]
        file.create_dataset(f"{GROUP}/vars/2", (12,), np.float32, external=[(str(secret), 0, 48)])

    def virtual(file: h5py.File) -> None:
        del file[f"{GROUP}/vars/2"]
        layout = h5py.VirtualLayout((12,), np.float32)
        layout[:] = h5py.VirtualSource(str(secret), "data", (12,))
        file.create_virtual_dataset(f"{GROUP}/vars/2", layout)

    for change in (outside, virtual):
        with pytest.raises(UsageError, match="are to come from other files"):
            from_keras(with_weights(tmp_path, change))


def test_what_would_unpack_to_far_more(tmp_path: Path) -> None:
    def large(file: h5py.File) -> None:
        del file[f"{GROUP}/vars/0"]
        file.create_dataset(f"{GROUP}/vars/0", (2**30, 12), np.float32)  # nothing of it is written

    with pytest.raises(DataError, match="claims 51539607552 bytes, far more than the file holds"):
        from_keras(with_weights(tmp_path, large))
    path = tmp_path / "m.keras"
    shutil.copy(whole(tmp_path), path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * 2**25)
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(DataError, match=r"config\.json claims 33554432 bytes"):
        from_keras(path)


def test_a_group_in_the_place_of_an_array(tmp_path: Path) -> None:
    def group(file: h5py.File) -> None:
        del file[f"{GROUP}/vars/1"]
        file.create_group(f"{GROUP}/vars/1")

    with pytest.raises(DataError, match=f"the array '{GROUP}/vars/1' is missing"):
        from_keras(with_weights(tmp_path, group))


def test_the_weights_of_another_layer(tmp_path: Path) -> None:
    def named(file: h5py.File) -> None:
        file.create_group("layers/lstm/vars").attrs["name"] = "other"

    with pytest.raises(DataError, match="weights at 'layers/lstm' are those of 'other', not of layer 'layer'"):
        from_keras(with_weights(tmp_path, named))


def test_bfloat16(tmp_path: Path) -> None:
    def halved(file: h5py.File) -> None:
        for index, value in enumerate(arrays()):
            del file[f"{GROUP}/vars/{index}"]
            upper = (value.view(np.uint32) >> 16).astype(np.uint16).view("V2")
            file[f"{GROUP}/vars/{index}"] = upper
            file[f"{GROUP}/vars/{index}"].attrs["dtype"] = "bfloat16"

    (found,) = from_keras(with_weights(tmp_path, halved)).values()
    kept = (arrays()[0].view(np.uint32) & 0xFFFF0000).view(np.float32)
    assert np.array_equal(found.weight_ih_l0.detach(), kept.T)


def test_long_lists_of_names_come_in_pieces(tmp_path: Path) -> None:
    path = whole_h5(tmp_path)
    with h5py.File(path, "a") as file:
        attributes = file["model_weights/layer"].attrs
        names = list(attributes["weight_names"])
        del attributes["weight_names"]
        attributes["weight_names0"], attributes["weight_names1"] = names[:2], names[2:]
    assert list(from_keras(path)) == ["layer"]


def test_nothing_else_of_the_file_is_needed(tmp_path: Path) -> None:
    # Compiled models have more in them.
    path = whole(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/notes.txt", json.dumps("anything"))
    assert list(from_keras(path)) == ["layer"]
