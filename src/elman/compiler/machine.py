"""LLVM's text to machine code in this process, for the vector instructions that this processor has."""

from __future__ import annotations

import threading
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

_lock = threading.Lock()
_ready = False


def features() -> str:
    """What the processor can do, as LLVM names it, with full-width vectors allowed.

    The features are asked for one by one and the processor's name is not, as virtual machines tell wrong names. LLVM
    halves 512-bit vectors unless told not to.
    """
    found = llvm.get_host_cpu_features()
    found["prefer-256-bit"] = False
    return str(found.flatten())


def lanes(precision: str) -> int:
    """Numbers in the widest vector of this processor."""
    found = llvm.get_host_cpu_features()
    bits = 512 if found.get("avx512f") else 256 if found.get("avx2") else 128
    return bits // (32 if precision == "float32" else 64)


class Code:
    """Functions in machine code; they live as long as this object."""

    def __init__(self, module: ir.Module) -> None:
        global _ready
        with _lock:
            if not _ready:
                llvm.initialize_native_target()
                llvm.initialize_native_asmprinter()
                _ready = True
            target = llvm.Target.from_default_triple().create_target_machine(
                cpu="", features=features(), opt=3, codemodel="jitdefault", jit=True
            )
            parsed = llvm.parse_assembly(str(module))
            parsed.triple = llvm.get_default_triple()
            parsed.data_layout = str(target.target_data)
            parsed.verify()
            tuning = llvm.create_pipeline_tuning_options(speed_level=2)
            passes = llvm.create_pass_builder(target, tuning)
            passes.getModulePassManager().run(parsed, passes)
            self._engine: Any = llvm.create_mcjit_compiler(parsed, target)
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where the function of that name begins."""
        return int(self._engine.get_function_address(name))
