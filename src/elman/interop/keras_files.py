"""Keras files, read without Keras and without running anything that is in them.

    .keras   a zip file: config.json (the model), metadata.json (the version), model.weights.h5
    .h5      the older form, one HDF5 file: attribute ``model_config``, weights under ``model_weights``

In ``model.weights.h5`` a layer's weights stand under its class, numbered where a model has several of one class:
``layers/lstm/cell/vars/0``, ``layers/lstm_1/cell/vars/0``. In the older form they stand under the layer's name, in the
order of the attribute ``weight_names``.

What an HDF5 file could do beyond holding numbers (links, data in other files, virtual data) is refused, and so is what
would unpack to far more than the file holds.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import h5py
import numpy as np

from elman.errors import DataError, UsageError
from elman.interop.parts import Array

#: Most bytes that one packed byte may stand for; numbers that were learnt hardly pack at all.
LARGEST_RATIO = 100

#: Below this many bytes it does not matter.
SMALL = 2**24

#: What the newer form calls the group with a model's layers: usually, and in Keras 2.12.
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


@final
@dataclass(frozen=True)
class KerasLayer:
    """A layer as the file describes it.

    Attributes:
        name: Its name, after those of the models that it is in: ``"encoder/lstm"``.
        kind: Its class.
        config: Its options.
        group: Where a ``.keras`` file has its weights.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    group: str

    def __str__(self) -> str:
        return f"layer '{self.name}' ({self.kind})"


@final
@dataclass(frozen=True)
class KerasFile:
    """An open file.

    Attributes:
        path: For messages.
        archive: Whether it is of the newer form.
        version: Of the Keras that wrote it, the first number alone.
        layers: All layers of the model and of the models within, in its order.
        weights: Its HDF5 part.
    """

    path: Path
    archive: bool
    version: int
    layers: tuple[KerasLayer, ...]
    weights: h5py.File

    def arrays(self, layer: KerasLayer, places: Sequence[tuple[str, int]]) -> list[list[Array]]:
        """The arrays of a layer's cells, in their order: for every place (path below the layer, number of arrays).

        Raises `DataError` where arrays are missing, or where there are more.
        """
        counts = [count for _, count in places]
        with _reading(self.path):
            if self.archive:
                paths = [path for place, _ in places for path in self._paths(layer, place)]
            else:
                paths = self._named_paths(layer)
            if len(paths) != sum(counts):
                raise DataError(f"{self.path}: {layer} needs {sum(counts)} arrays, the file has {len(paths)}.")
            remaining = iter([self._array(path) for path in paths])
        return [[next(remaining) for _ in range(count)] for count in counts]

    def _paths(self, layer: KerasLayer, place: str) -> list[str]:
        """Where a cell's arrays are in the newer form."""
        described = self._entry(f"{layer.group}/vars")
        # Keras 3 writes the layer's name beside the place, which goes by its class.
        name = None if described is None else described.attrs.get("name")
        if name is not None and str(name) != layer.name.rpartition("/")[2]:
            raise DataError(f"{self.path}: the weights at '{layer.group}' are those of '{name}', not of {layer}.")
        group = self._entry(f"{layer.group}/{place}/vars")
        names = sorted(group, key=int) if isinstance(group, h5py.Group) else []
        return [f"{layer.group}/{place}/vars/{name}" for name in names]

    def _named_paths(self, layer: KerasLayer) -> list[str]:
        """Where a layer's arrays are in the older form."""
        outer, *inner = layer.name.split("/")
        group = self._entry(f"model_weights/{outer}")
        names = [] if group is None else _long_attribute(group.attrs, "weight_names")
        # A model within has the weights of all its layers in one list.
        return [f"model_weights/{outer}/{name}" for name in names if not inner or f"/{inner[-1]}/" in f"/{name}"]

    def _array(self, path: str) -> Array:
        data = self._entry(path)
        if not isinstance(data, h5py.Dataset):
            raise DataError(f"{self.path}: the array '{path}' is missing.")
        if data.external or data.is_virtual:
            raise UsageError(
                f"{self.path}: the numbers of '{path}' are to come from other files, which is not allowed."
            )
        if data.nbytes > max(SMALL, LARGEST_RATIO * data.id.get_storage_size()):
            raise DataError(f"{self.path}: '{path}' claims {data.nbytes} bytes, far more than the file holds.")
        value: Array = data[()]
        if data.attrs.get("dtype") == "bfloat16" and value.dtype.itemsize == 2:
            # The upper half of a float32, for which HDF5 has no type.
            value = (value.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return value

    def _entry(self, path: str) -> Any:
        """What stands at a path, if it is there; all on the way must be in this file itself."""
        entry: Any = self.weights
        for name in path.split("/"):
            link = entry.get(name, getlink=True) if isinstance(entry, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise UsageError(f"{self.path}: '{path}' is a link, and links are not followed.")
            entry = entry[name]
        return entry


@contextmanager
def opened(path: Path) -> Iterator[KerasFile]:
    """Open a file of either form.

    Raises `DataError` for what is no such file, is cut short or holds weights alone, and `UsageError` for a model that
    holds code.
    """
    try:
        archive = zipfile.is_zipfile(path)
        data = path.read_bytes()
    except OSError as error:
        folder = " Save a model that is a folder as .keras first." if path.is_dir() else ""
        raise DataError(f"{path}: cannot be read ({error.strerror}).{folder}") from None
    described: Mapping[str, bytes] = {}
    if archive:
        described = _members(path, ("config.json", "metadata.json", "model.weights.h5"))
        data = described["model.weights.h5"]
    elif not data.startswith(b"\x89HDF"):
        raise DataError(f"{path}: is no Keras file, neither .keras (a whole zip file) nor .h5 (HDF5).")
    with _reading(path):
        weights = _hdf5(data)
    with weights:
        if archive:
            config = _json(path, "config.json", described["config.json"])
            version = _json(path, "metadata.json", described["metadata.json"]).get("keras_version")
        else:
            with _reading(path):
                attributes = dict(weights.attrs)
            if "model_config" not in attributes:
                raise DataError(
                    f"{path}: holds weights alone, which do not say what their layers compute. Save the whole model, "
                    "with model.save(...)."
                )
            config = _json(path, "model_config", attributes["model_config"])
            version = attributes.get("keras_version")
        _refuse_code(path, config)
        yield KerasFile(path, archive, _major(path, version), _all_layers(path, config, weights), weights)


def _hdf5(data: bytes) -> h5py.File:
    """An HDF5 file in memory, to be read only."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_file_image(data)
    return h5py.File(h5py.h5f.open(b"model.weights.h5", h5py.h5f.ACC_RDONLY, access))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What HDF5 says about a damaged file, as one sentence."""
    try:
        yield
    except (OSError, RuntimeError, LookupError, ArithmeticError, ValueError, TypeError, MemoryError) as error:
        raise DataError(f"{path}: the weights are damaged or cut short ({error}).") from None


def _members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The files of these names within a zip file."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                if name not in archive.namelist():
                    raise DataError(f"{path}: is no Keras model, since it has no {name}.")
                info = archive.getinfo(name)
                if info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
                    raise DataError(f"{path}: {name} claims {info.file_size} bytes, far more than the file holds.")
                found[name] = archive.read(name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: is damaged or cut short ({error}).") from None
    return found


def _json(path: Path, name: str, text: Any) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: {name} is not valid JSON ({error}).") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: {name} must be a JSON object, found {type(values).__name__}.")
    return values


def _major(path: Path, version: Any) -> int:
    match = re.match(r"(\d+)\.", version.decode() if isinstance(version, bytes) else str(version))
    if match is None or match[1] not in ("2", "3"):
        raise UsageError(f"{path}: was written by Keras {version}; files of Keras 2 and 3 can be read.")
    return int(match[1])


def _refuse_code(path: Path, config: Mapping[str, Any]) -> None:
    """Raise `UsageError` if a model holds code anywhere."""
    open_values: list[tuple[str, Any]] = [("", config)]
    while open_values:
        layer, value = open_values.pop()
        if isinstance(value, list):
            open_values += [(layer, item) for item in value]
        if not isinstance(value, Mapping):
            continue
        own = value.get("config")
        for holder in (value, own):
            if isinstance(holder, Mapping) and isinstance(holder.get("name"), str):
                layer = holder["name"]
        if value.get("class_name") in ("Lambda", "__lambda__"):
            raise UsageError(
                f"{path}: layer '{layer}' is, or has, a Lambda: Python code, which is not run out of a file. "
                "Save the model without it."
            )
        open_values += [(layer, item) for item in value.values()]


def _all_layers(path: Path, config: Mapping[str, Any], weights: h5py.File) -> tuple[KerasLayer, ...]:
    with _reading(path):
        container = next((name for name in _CONTAINERS if name in weights), _CONTAINERS[0])
    try:
        return tuple(_layers(config, "", "", container))
    except RecursionError:
        raise DataError(f"{path}: models are nested too deeply.") from None


def _layers(model: Mapping[str, Any], name: str, group: str, container: str) -> Iterator[KerasLayer]:
    """The layers of a model in its order, those of models within after their models' names."""
    config = model.get("config")
    # Sequential models of early Keras 2 are lists.
    entries = config.get("layers") if isinstance(config, Mapping) else config
    seen: Counter[str] = Counter()
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, Mapping):
            continue
        kind, options = str(entry.get("class_name")), entry.get("config")
        options = options if isinstance(options, Mapping) else {}
        place = _snake(kind)
        # A class of somebody's own is called "package>name" here, whatever its name alone.
        kind = str(entry["registered_name"]) if ">" in str(entry.get("registered_name")) else kind
        # Keras 2.12 came by every layer with weights twice, and so gave every second number.
        number = seen[place] * (2 if container == _CONTAINERS[1] else 1)
        seen[place] += 1
        layer = KerasLayer(
            name=f"{name}{options.get('name', kind)}",
            kind=kind,
            config=options,
            group=f"{group}{container}/{place}{f'_{number}' if number else ''}",
        )
        inner = list(_layers(entry, f"{layer.name}/", f"{layer.group}/", container))
        yield from inner or [layer]


def _snake(kind: str) -> str:
    """A class's name as Keras writes it in paths.

    >>> _snake("SimpleRNN"), _snake("LSTM"), _snake("StackedRNNCells"), _snake("LSTMCell")
    ('simple_rnn', 'lstm', 'stacked_rnn_cells', 'lstm_cell')
    """
    kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()


def _long_attribute(attributes: Any, name: str) -> list[str]:
    """A list of names, which the older form cuts into numbered pieces where it is long."""
    pieces = [name]
    if name not in attributes:
        pieces = [f"{name}{index}" for index in range(len(attributes)) if f"{name}{index}" in attributes]
    values = [value for piece in pieces for value in attributes[piece]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
