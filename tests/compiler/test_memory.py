from __future__ import annotations

import gc

import numpy as np

from elman.compiler.memory import ALIGNMENT, Memory, address


def test_memory_is_used_again_once_nobody_holds_the_array() -> None:
    memory = Memory()
    array = memory.empty((200, 300), np.float32)
    place = array.ctypes.data
    assert place % ALIGNMENT == 0
    part = array[10:]
    del array
    gc.collect()
    assert memory.empty((200, 300), np.float32).ctypes.data != place, "a view still held it"
    del part
    gc.collect()
    assert memory.empty((199, 300), np.float32).ctypes.data == place


def test_the_address_of_an_array_is_that_of_its_numbers() -> None:
    whole = np.zeros((5, 7), np.float32)
    for array in (whole, whole[2:, 3:], whole.T, whole[:0], np.zeros(3, np.int64), np.zeros(()), whole.view(np.matrix)):
        assert address(array) == array.ctypes.data


def test_an_array_without_numbers_is_given_too() -> None:
    assert Memory().empty((0, 3), np.float64).shape == (0, 3)
