from __future__ import annotations

import ctypes

import pytest
from llvmlite import ir

from elman.compiler import machine
from elman.compiler.machine import Code, Host, assembly, compile_object
from elman.errors import BackendError

FEATURES = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma", "sse2"})


def has(monkeypatch: pytest.MonkeyPatch, features: frozenset[str]) -> None:
    monkeypatch.setattr(machine, "_features", lambda: features)


@pytest.mark.parametrize(
    ("lacking", "kind"),
    [((), "avx512"), (("avx512vl",), "avx2"), (("avx512f", "fma"), "portable"), (tuple(FEATURES), "portable")],
)
def test_the_fastest_kind_that_is_complete_is_taken(
    monkeypatch: pytest.MonkeyPatch, lacking: tuple[str, ...], kind: str
) -> None:
    monkeypatch.delenv("ELMAN_HOST", raising=False)
    has(monkeypatch, FEATURES - {*lacking})
    assert Host.here() == Host.named(kind)


def test_the_environment_may_choose_a_slower_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, FEATURES)
    monkeypatch.setenv("ELMAN_HOST", "avx2")
    assert Host.here() == Host.named("avx2")
    monkeypatch.setenv("ELMAN_HOST", "")
    assert Host.here() == Host.named("avx512")


def test_what_the_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, FEATURES - {"avx512dq", "fma"})
    with pytest.raises(BackendError, match=r"host 'avx512' \(ELMAN_HOST\): it has no avx512dq, fma\."):
        Host.named("avx512")


def test_an_unknown_kind_is_an_error_with_a_hint() -> None:
    with pytest.raises(BackendError, match=r"no host 'avx513'.* only avx512, avx2, portable.* Did you mean 'avx512'"):
        Host.named("avx513")


def test_lanes_fill_the_vectors() -> None:
    host = Host("triple", "", 64)
    assert (host.lanes("float32"), host.lanes("float64")) == (16, 8)


@pytest.mark.parametrize(
    ("host", "registers"),
    [
        (Host("x86_64-unknown-linux-gnu", "", 64), 32),
        (Host("x86_64-unknown-linux-gnu", "", 32), 16),
        (Host("aarch64-unknown-linux-gnu", "", 16), 32),
        (Host("arm64-apple-darwin", "", 16), 32),
    ],
)
def test_registers_are_those_of_the_architecture(host: Host, registers: int) -> None:
    assert host.registers == registers


def sum_of_products(host: Host) -> str:
    """LLVM's text of ``void f(a, b)``: ``a += b * b`` on one vector of float32."""
    vector = ir.VectorType(ir.FloatType(), host.lanes("float32"))
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType()] * 2), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    a, b = (builder.load(place, typ=vector, align=4) for place in function.args)
    builder.store(builder.fadd(a, builder.fmul(b, b)), function.args[0], align=4)
    builder.ret_void()
    return str(module)


def test_object_files_run_for_every_host(host: Host) -> None:
    code = Code(compile_object(sum_of_products(host), host))
    numbers = ctypes.c_float * host.lanes("float32")
    a, b = numbers(*[1] * len(numbers())), numbers(*range(len(numbers())))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(code.address("f"))(a, b)
    assert list(a) == [1 + number**2 for number in range(len(a))]


def test_instructions_can_be_read(host: Host) -> None:
    written = assembly(sum_of_products(host), host)
    assert "f:" in written
    if host.triple.startswith("x86_64"):
        assert {64: "%zmm", 32: "%ymm", 16: "%xmm"}[host.vector_bytes] in written


def test_512_bits_are_used_whole_where_they_are_there(host: Host) -> None:
    if not host.triple.startswith("x86_64"):
        pytest.skip("instructions of x86")
    single_precision_512_bits = b"\x62\xf1\x7c\x48"  # how such an instruction begins
    content = compile_object(sum_of_products(host), host)
    assert (single_precision_512_bits in content) == (host.vector_bytes == 64)


def test_code_for_arm_is_made_on_any_machine() -> None:
    arm = Host("aarch64-unknown-linux-gnu", "+neon", 16)
    content = compile_object(sum_of_products(arm), arm)
    elf_aarch64 = 183
    assert content[:4] == b"\x7fELF"
    assert int.from_bytes(content[18:20], "little") == elf_aarch64
