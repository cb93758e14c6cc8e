"""What a session remembers beside its network, taken apart into arrays and JSON values, and put together again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Frames, Ink, Recording, Series
from elman.codecs.sequence import SequenceCodec
from elman.codecs.text import TextCodec
from elman.errors import DataError, UsageError

Arrays = dict[str, NDArray[Any]]

_RAW: dict[str, Any] = {kind.__name__: kind for kind in (Recording, Series, Ink, Frames)}


def apart(value: Any, name: str, arrays: Arrays) -> Any:
    """A JSON value for ``value``, whose arrays are copied into ``arrays`` under names that begin with ``name``.

    Takes arrays, numbers, texts, None, lists and tuples of them, and raw sequences. Raises `UsageError` for another.

    >>> arrays = {}
    >>> apart([1, np.zeros(2)], "held", arrays), arrays
    ({'list': [1, {'array': 'held.1'}]}, {'held.1': array([0., 0.])})
    """
    if isinstance(value, np.ndarray):
        arrays[name] = value.copy()
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        parts = [apart(each, f"{name}.{number}", arrays) for number, each in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": parts}
    if type(value).__name__ in _RAW:
        names = [item.name for item in dataclasses.fields(value)]
        return {
            "raw": type(value).__name__,
            "fields": {item: apart(getattr(value, item), f"{name}.{item}", arrays) for item in names},
        }
    raise UsageError(f"A stream cannot save {name}, which is of the type {type(value).__name__}.")


def together(plain: Any, arrays: Arrays) -> Any:
    """What `apart` took apart. Raises `DataError` for what it did not."""
    if not isinstance(plain, dict):
        return plain
    try:
        if "array" in plain:
            return arrays[plain["array"]]
        if "raw" in plain:
            return _RAW[plain["raw"]](**{name: together(each, arrays) for name, each in plain["fields"].items()})
        kind, parts = next(iter(plain.items()))
        return {"list": list, "tuple": tuple}[kind](together(each, arrays) for each in parts)
    except (KeyError, TypeError, StopIteration) as error:
        raise DataError(f"The saved stream is damaged or of another model ({error}).") from None


def attributes(of: Any, name: str, arrays: Arrays) -> dict[str, Any]:
    """The attributes of an incremental encoder as JSON values and arrays; its codec stays where it is."""
    found = {}
    for key, value in (of.__getstate__() or {}).items():
        if isinstance(value, SequenceCodec | TextCodec):
            continue
        if hasattr(value, "__dict__") and type(value).__name__ not in _RAW:
            found[key] = {"attributes": attributes(value, f"{name}.{key}", arrays)}
        else:
            found[key] = apart(value, f"{name}.{key}", arrays)
    return found


def set_attributes(of: Any, plain: Any, arrays: Arrays) -> None:
    """Give a fresh encoder the attributes of another. Raises `DataError` where it has no such attributes."""
    if not isinstance(plain, dict) or not plain.keys() <= vars(of).keys():
        raise DataError("The saved stream is of a model that reads another kind of sequence.")
    for key, value in plain.items():
        if isinstance(value, dict) and "attributes" in value:
            set_attributes(getattr(of, key), value["attributes"], arrays)
        else:
            setattr(of, key, together(value, arrays))
