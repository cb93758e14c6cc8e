"""LLVM's text to machine code: for this processor, to be run at once, or for another, to be linked there."""

from __future__ import annotations

import functools
import os
import platform
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from elman.errors import BackendError, nearest

#: Kinds of processors, the fastest first: the features that code for them uses and the bytes of their vectors.
#: What every processor of an architecture has (SSE2 on x86-64, NEON on ARM) is enough for the portable kind.
KINDS: dict[str, tuple[tuple[str, ...], int]] = {
    "avx512": (("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"), 64),
    "avx2": (("avx2", "fma"), 32),
    "portable": ((), 16),
}


@dataclass(frozen=True)
class Host:
    """What code is made for.

    A processor is known by its features and never by its name, as virtual machines tell wrong names. Only the
    features of its kind are used, so that all processors of a kind run the same code and give the same numbers.

    Attributes:
        triple: Architecture and system, as LLVM names them.
        features: Of the processor, as LLVM names them.
        vector_bytes: Size of its vectors.

    >>> Host("aarch64-unknown-linux-gnu", "+neon", 16).lanes("float32")
    4
    """

    triple: str
    features: str
    vector_bytes: int

    @classmethod
    def here(cls) -> Host:
        """The fastest kind that this machine has, or the one that the environment variable ``ELMAN_HOST`` names."""
        asked = os.environ.get("ELMAN_HOST")
        if asked:
            return cls.named(asked)
        return cls.named(next(name for name, (needed, _) in KINDS.items() if _features().issuperset(needed)))

    @classmethod
    def named(cls, name: str) -> Host:
        """One of `KINDS`, on this machine. Raises `BackendError` for another name and for what the machine lacks."""
        if name not in KINDS:
            raise BackendError(
                f"There is no host '{name}' (ELMAN_HOST), only {', '.join(KINDS)}.{nearest(name, KINDS)}"
            )
        needed, vector_bytes = KINDS[name]
        missing = [feature for feature in needed if feature not in _features()]
        if missing:
            raise BackendError(
                f"This processor cannot run code for the host '{name}' (ELMAN_HOST): it has no {', '.join(missing)}. "
                "Leave ELMAN_HOST away to take what it has."
            )
        # LLVM halves 512-bit vectors unless told not to.
        features = [*(f"+{feature}" for feature in needed), *(["-prefer-256-bit"] if vector_bytes == 64 else [])]
        return cls(llvm.get_process_triple(), ",".join(features), vector_bytes)

    def lanes(self, precision: str) -> int:
        """Numbers in a vector."""
        return self.vector_bytes // np.dtype(precision).itemsize

    @property
    def registers(self) -> int:
        """Vectors that it has registers for."""
        return 32 if self.vector_bytes == 64 or self.triple.startswith(("aarch64", "arm64")) else 16


@functools.cache
def _features() -> frozenset[str]:
    """What this processor and its operating system can do; on other processors than x86 nothing is asked for."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return frozenset()
    return frozenset(name for name, has in llvm.get_host_cpu_features().items() if has)


@functools.cache
def _initialize(native: bool) -> None:
    """Make LLVM's code generators ready; that for this processor alone is quicker."""
    if native:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


def compile_object(text: str, host: Host) -> bytes:
    """Optimise a module of LLVM's text and make an object file of it.

    For this system it is one that `Code` loads, for others one that their linkers take.
    """
    target, module = _optimised(text, host)
    return bytes(target.emit_object(module))


def assembly(text: str, host: Host) -> str:
    """As `compile_object`, but the instructions are written out, for people to read."""
    target, module = _optimised(text, host)
    return str(target.emit_assembly(module))


def _optimised(text: str, host: Host) -> tuple[Any, Any]:
    """What makes machine code for a host, and a module in its best form for that."""
    native = host.triple == llvm.get_process_triple()
    _initialize(native)
    target = llvm.Target.from_triple(host.triple).create_target_machine(
        features=host.features,
        opt=3,
        reloc="default" if native else "pic",
        codemodel="jitdefault" if native else "default",
        jit=native,
    )
    module = llvm.parse_assembly(text)
    module.triple = host.triple
    module.data_layout = str(target.target_data)
    module.verify()
    passes = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(module, passes)
    return target, module


class Code:
    """The functions of an object file, loaded into this process; they live as long as this object."""

    def __init__(self, object_file: bytes) -> None:
        _initialize(native=True)
        target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_file))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where the function of that name begins."""
        return int(self._engine.get_function_address(name))
