from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_models
import tolerances
from elman.decoding.sampling import Sampling
from elman.errors import DataError, UsageError
from elman.runtime import Stream
from elman.runtime.engine import log_softmax

KINDS = ["characters", "bytes", "words", "bpe"]


def stream(kind: str = "characters") -> Stream:
    return Stream(small_models.engine(kind), small_models.codec(kind))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def write(of: Stream, length: int = 30, **options: object) -> str:
    return "".join(of.generate(length, Sampling(), rng(), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@given(cuts=st.lists(st.integers(0, len(small_models.TEXT)), max_size=6))
@settings(max_examples=20, deadline=None)
def test_chunking_changes_nothing(kind: str, cuts: list[int]) -> None:
    whole, parts = stream(kind), stream(kind)
    expected = np.concatenate([whole.push(small_models.TEXT), whole.flush()])
    edges = [0, *sorted(cuts), len(small_models.TEXT)]
    found = [parts.push(small_models.TEXT[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate([*found, parts.flush()]), expected)
    assert all(np.array_equal(parts.state[name], value) for name, value in whole.state.items())


@pytest.mark.parametrize("kind", KINDS)
def test_reading_is_pushing_without_the_probabilities(kind: str) -> None:
    pushed, read = stream(kind), stream(kind)
    for part in (small_models.TEXT[:40], small_models.TEXT[40:]):
        pushed.push(part)
        read.read(part)
    np.testing.assert_array_equal(read.next_logits(), pushed.next_logits())
    assert write(read) == write(pushed)


def test_push_gives_log_probabilities_of_the_next_symbols() -> None:
    rows = stream().push("The same")
    assert rows.shape == (8, len(small_models.codec()))
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, **tolerances.NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("kind", KINDS)
def test_fork_remembers_the_same_and_goes_its_own_way(kind: str) -> None:
    first = stream(kind)
    first.push("The same inp")
    second = first.fork()
    second.push("ut may")
    assert write(first.fork()) == write(first.fork())
    assert not all(np.array_equal(first.state[name], value) for name, value in second.state.items())


@pytest.mark.parametrize("kind", KINDS)
def test_save_and_load_go_on_with_the_same_bits(kind: str, tmp_path: Path) -> None:
    first = stream(kind)
    first.push("The same inp")
    first.save(tmp_path / "state.safetensors")
    second = stream(kind)
    second.load(tmp_path / "state.safetensors")
    for each in (first, second):
        each.push("ut may")
    assert write(first) == write(second)


def test_reset_forgets() -> None:
    used = stream()
    used.push("The same input")
    used.reset()
    assert write(used) == write(stream())


def test_generation_has_read_what_it_wrote() -> None:
    first = stream()
    text = write(first, 20)
    second = stream()
    second.next_logits()
    second.push(text)
    for name, value in first.state.items():
        np.testing.assert_array_equal(value, second.state[name])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_stop_ends_before_the_stop_text(kind: str, seed: int) -> None:
    whole = "".join(stream(kind).generate(40, Sampling(), np.random.default_rng(seed)))
    stop = whole[len(whole) // 2 :][:2] or "x"
    cut = "".join(stream(kind).generate(40, Sampling(), np.random.default_rng(seed), [stop, "\U0010ffff"]))
    assert cut == whole[: whole.find(stop)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_fits_to_what_was_read(kind: str, tmp_path: Path) -> None:
    of = stream(kind)
    of.push("The same input may ")
    of.save(tmp_path / "state")
    later = stream(kind)
    later.load(tmp_path / "state")
    symbols = small_models.codec(kind).encode("The same input may ").tolist()
    reader, draws = of.fork(), rng()
    logits = reader.next_logits()
    for _ in range(12):
        symbols.append(Sampling().choose(logits, draws))
        logits = reader.push_symbol(symbols[-1])
    whole = small_models.codec(kind).decode(symbols)
    start = small_models.codec(kind).decode(small_models.codec(kind).encode("The same input may "))
    assert start + write(of, 12) == whole
    assert start + write(later, 12) == whole


def test_a_length_of_nothing_writes_nothing() -> None:
    assert write(stream(), 0) == ""


def test_an_empty_stop_text_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one character"):
        write(stream(), stop=["end", ""])


@given(st.lists(st.floats(-80, 80), min_size=1, max_size=9))
def test_log_softmax_sums_to_one(values: list[float]) -> None:
    assert np.exp(log_softmax(np.array(values, np.float32))).sum() == pytest.approx(1, rel=1e-5)


def test_state_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="This model's state is"):
        stream().state = {"hidden_l0": np.zeros((1, 3), np.float32)}
    other = Stream(small_models.engine(hidden_sizes=(3,), tie_weights=False), small_models.codec())
    other.save(tmp_path / "other")
    with pytest.raises(DataError, match="This model's state is"):
        stream().load(tmp_path / "other")


def test_files_that_are_no_stream_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as a saved stream"):
        stream().load(tmp_path / "missing")
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(DataError, match="cannot be read as a saved stream"):
        stream().load(tmp_path / "noise")
    small_models.bundle(tmp_path / "model")
    with pytest.raises(DataError, match="is not a stream saved by this version"):
        stream().load(tmp_path / "model" / "model.safetensors")


def test_a_state_that_is_set_has_said_nothing_yet() -> None:
    one = stream()
    one.push("The same")
    assert one.logits is not None
    one.state = stream().state
    assert one.logits is None


def test_state_given_out_is_a_copy() -> None:
    one = stream()
    before = copy.deepcopy(one.state)
    one.state["hidden_l0"][:] = 5
    assert np.array_equal(one.state["hidden_l0"], before["hidden_l0"])
