"""Large arrays that are used again: fresh memory costs a page fault every 4 KiB, half the time of a small loop."""

from __future__ import annotations

import ctypes
import math
import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Arrays begin at multiples of the widest vector.
ALIGNMENT = 64

#: Smaller arrays than this the system's own allocator keeps ready.
FEW_BYTES = 2**16

#: Memory that is held ready for the next arrays, at most.
MOST_BYTES = 2**30


def address(array: NDArray[Any]) -> int:
    """Where an array lies.

    NumPy's binary interface has it in the first word of an array, behind the head of every object. To read it there
    takes an eighth of the time of ``array.__array_interface__``, which small loops are called too often for.
    """
    place: int = _word(id(array) + _HEAD).value
    return place


_HEAD, _word = object.__basicsize__, ctypes.c_size_t.from_address


def same_bytes(array: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two contiguous arrays of one size hold the same bytes.

    >>> same_bytes(np.ones(3), np.ones(3)), same_bytes(np.ones(3), np.zeros(3))
    (True, False)
    """
    return not _compare(address(array), address(other), array.nbytes)


_compare = (ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)).memcmp
_compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Lent(weakref.ref[NDArray[Any]]):
    """Memory that an array has, for as long as that lives; a fraction of what `weakref.finalize` costs."""

    __slots__ = ("block", "size")

    block: Any
    size: int


class Memory:
    """Hands out arrays and takes their memory back when nobody holds them any more.

    >>> memory = Memory()
    >>> array = memory.empty((200, 300), np.float32)
    >>> array.shape, array.ctypes.data % ALIGNMENT
    ((200, 300), 0)
    """

    def __init__(self) -> None:
        self._free: dict[int, list[Any]] = defaultdict(list)
        self._held = 0
        self._lent: dict[int, _Lent] = {}
        # A callback may come at any moment, also while its own thread holds the lock.
        self._lock = threading.RLock()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array with anything in it."""
        kind = np.dtype(dtype)
        count = math.prod(shape)
        if count * kind.itemsize < FEW_BYTES:
            spare = np.empty(count + ALIGNMENT // kind.itemsize, kind)
            first = -address(spare) % ALIGNMENT // kind.itemsize
            return spare[first : first + count].reshape(shape)
        size = _rounded(count * kind.itemsize)
        with self._lock:
            blocks = self._free[size]
            block: Any = blocks.pop() if blocks else None
            self._held -= size if block is not None else 0
        if block is None:
            block = (ctypes.c_char * (size + ALIGNMENT))()
        offset = -ctypes.addressof(block) % ALIGNMENT
        # Views of this array, tensors over it too, hold it; it alone holds the block.
        array: NDArray[Any] = np.ndarray(shape, kind, block, offset)
        lent = _Lent(array, self._take_back)
        lent.block, lent.size = block, size
        self._lent[id(lent)] = lent
        return array

    def together(self, shapes: Sequence[tuple[int, int]], dtype: Any) -> list[NDArray[Any]]:
        """Matrices of these shapes in one piece, which is taken back when nobody holds any of them."""
        kind = np.dtype(dtype)
        unit = ALIGNMENT // kind.itemsize
        ends = list(accumulate((-(-rows * columns // unit) * unit for rows, columns in shapes), initial=0))
        flat = self.empty((ends[-1],), kind)
        pieces = zip(ends[:-1], shapes, strict=True)
        return [flat[start : start + rows * columns].reshape(rows, columns) for start, (rows, columns) in pieces]

    def _take_back(self, lent: _Lent) -> None:
        with self._lock:
            del self._lent[id(lent)]
            if self._held + lent.size <= MOST_BYTES:
                self._free[lent.size].append(lent.block)
                self._held += lent.size


def _rounded(size: int) -> int:
    """Sizes a quarter apart, so that batches of nearly one size share their memory."""
    step = 1 << max(6, size.bit_length() - 3)
    return -(-size // step) * step


#: What all loops of this process use.
memory = Memory()
