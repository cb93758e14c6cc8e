from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import label_networks
import tolerances
from elman.codecs.raw import Frames, Ink, Raw, Recording, Series, joined
from elman.codecs.registry import codec_for
from elman.codecs.sequence import SequenceCodec
from elman.errors import DataError
from elman.runtime.label_stream import LabelStream
from elman.settings import InputSettings

RNG = np.random.default_rng(0)
TEXT = "a fine film, but long: not bad at all"
SERIES = Series(RNG.normal(size=(30, 3)), RNG.uniform(0.5, 2, 30).cumsum())

#: Kind -> a sequence of it.
SEQUENCES: dict[str, Raw] = {
    "text": TEXT,
    "dna": "ACGTTGCANNACGTTTACGA",
    "audio": Recording(RNG.normal(0, 0.1, 3000).astype(np.float32), 8000),
    "series": SERIES,
    "ink": Ink(tuple(RNG.normal(size=(6, 2)).cumsum(0) for _ in range(4))),
    "frames": Frames(RNG.integers(0, 256, (9, 8, 8, 1), np.uint8)),
}

#: What is special in a network -> whether its answer has to wait for the end.
NETWORKS: dict[str, dict[str, Any]] = {
    "one direction": {},
    "tags": {"pooling": ()},
    "both directions": {"bidirectional": True},
    "convolved": {"convolutions": ((6, 3, 2),)},
}


def codec(kind: str) -> SequenceCodec:
    options = InputSettings(units="characters" if kind == "text" else "auto", k=3 if kind == "dna" else 1)
    return codec_for(kind, [SEQUENCES[kind]] * 2, options)


CODECS = {kind: codec(kind) for kind in SEQUENCES} | {
    "words": codec_for("text", [TEXT] * 2, InputSettings(units="words")),
}
SEQUENCES["words"] = TEXT

_streams: dict[tuple[str, str], LabelStream[np.ndarray]] = {}


def stream(kind: str = "text", network: str = "one direction") -> LabelStream[np.ndarray]:
    """A fresh stream whose answers are the scores."""
    if (kind, network) not in _streams:
        of = CODECS[kind]
        embedding = (3,) * len(of.symbols)
        backend = "compiled" if kind == "dna" else "reference"  # one is enough: compiling takes its time
        engine = label_networks.engine(
            backend=backend, symbols=of.symbols, embedding_sizes=embedding, frame=of.frame, **NETWORKS[network]
        )
        _streams[kind, network] = LabelStream(engine, of, lambda scores: scores)
    return LabelStream(_streams[kind, network].engine, CODECS[kind], lambda scores: scores)


def length(raw: Raw) -> int:
    if isinstance(raw, str):
        return len(raw)
    field = {Recording: "samples", Series: "values", Ink: "strokes", Frames: "pixels"}[type(raw)]
    return len(getattr(raw, field))


def part(raw: Any, begin: int, end: int) -> Raw:
    if isinstance(raw, str):
        return raw[begin:end]
    if isinstance(raw, Recording):
        return Recording(raw.samples[begin:end], raw.rate)
    if isinstance(raw, Series):
        return Series(raw.values[begin:end], None if raw.times is None else raw.times[begin:end])
    return Ink(raw.strokes[begin:end]) if isinstance(raw, Ink) else Frames(raw.pixels[begin:end], raw.rate)


def whole(of: LabelStream[np.ndarray], kind: str) -> np.ndarray:
    return of.engine.scores([CODECS[kind].encode(SEQUENCES[kind])])[0]


def said(of: LabelStream[np.ndarray], parts: list[Raw]) -> np.ndarray:
    """What comes of a stream in the end."""
    found = [of.push(each) for each in parts]
    last = of.flush()
    if of.engine.shape.pooling or of.engine.shape.whole:
        return last
    return np.concatenate([each for each in [*found, last] if each is not None])


@pytest.mark.parametrize("kind", CODECS)
@given(shares=st.lists(st.floats(0, 1), max_size=4))
@settings(max_examples=8, deadline=None)
def test_chunking_changes_nothing(kind: str, shares: list[float]) -> None:
    raw = SEQUENCES[kind]
    edges = [0, *sorted(int(share * length(raw)) for share in shares), length(raw)]
    parts = [part(raw, begin, end) for begin, end in pairwise(edges)]
    for network in NETWORKS:
        of = stream(kind, network)
        np.testing.assert_allclose(said(of, parts), whole(of, kind), **tolerances.FLOAT32_STEP)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", CODECS)
def test_save_load_and_fork_go_on_as_if_nothing_had_been(kind: str, network: str, tmp_path: Path) -> None:
    raw = SEQUENCES[kind]
    cut = length(raw) * 2 // 3
    first = stream(kind, network)
    first.push(part(raw, 0, cut))
    first.save(tmp_path / "state")
    later, fork = stream(kind, network), first.fork()
    later.load(tmp_path / "state")
    rest = part(raw, cut, length(raw))
    expected = said(first, [rest])
    for other in (later, fork):
        np.testing.assert_array_equal(said(other, [rest]), expected)


def test_a_fork_goes_its_own_way() -> None:
    one = stream()
    before = one.push("a fine")
    fork = one.fork()
    fork.push(" film")
    np.testing.assert_array_equal(one.fork().flush(), before)
    assert not np.array_equal(fork.flush(), before)


def test_the_prediction_so_far_is_that_of_the_sequence_so_far() -> None:
    for network in ("one direction", "both directions"):
        of = stream("text", network)
        of.push("a fine")
        expected = of.engine.scores([CODECS["text"].encode("a fine")])[0]
        np.testing.assert_allclose(of.so_far(), expected, **tolerances.FLOAT32_STEP)
        of.push(TEXT[6:])
        np.testing.assert_allclose(of.flush(), whole(of, "text"), **tolerances.FLOAT32_STEP)


def test_it_says_when_it_answers() -> None:
    assert stream().lookahead == 0
    assert stream("words").lookahead is None
    assert stream("dna").explain().startswith("compiled")
    assert stream().explain().endswith("It answers after every chunk.")
    both = stream("text", "both directions")
    assert both.lookahead is None
    assert both.explain().endswith("It answers at the end of a sequence, as it reads in both directions.")
    assert both.push("a fine film") is None


def test_nothing_is_said_before_anything_was_read() -> None:
    of = stream("words")
    assert of.push("fin") is None
    for network in NETWORKS:
        empty = stream("text", network)
        np.testing.assert_array_equal(empty.flush(), empty.engine.scores([CODECS["text"].encode("")])[0])


def test_reset_forgets() -> None:
    used = stream()
    used.push("not bad")
    used.reset()
    np.testing.assert_array_equal(used.push(TEXT), stream().push(TEXT))


@pytest.mark.parametrize("kind", CODECS)
def test_a_bag_is_that_of_the_whole_sequence(kind: str, tmp_path: Path) -> None:
    class Bag:
        def transform(self, inputs: list[Raw]) -> np.ndarray:
            return np.full((1, 2), length(inputs[0]))

    of, raw = CODECS[kind], SEQUENCES[kind]
    embedding = (3,) * len(of.symbols)
    engine = label_networks.engine(
        backend="reference", symbols=of.symbols, embedding_sizes=embedding, frame=of.frame, bag=2
    )
    expected = engine.scores([of.encode(raw)], Bag().transform([raw]))[0]
    cut = length(raw) // 2
    one = LabelStream(engine, of, lambda scores: scores, Bag())
    assert one.push(part(raw, 0, cut)) is None
    one.save(tmp_path / "state")
    later = LabelStream(engine, of, lambda scores: scores, Bag())
    later.load(tmp_path / "state")
    for each in (later, one.fork(), one):
        each.push(part(raw, cut, length(raw)))
        np.testing.assert_allclose(each.flush(), expected, **tolerances.FLOAT32_STEP)


def test_what_another_model_saved_is_refused(tmp_path: Path) -> None:
    stream("series").save(tmp_path / "series")
    with pytest.raises(DataError, match=r"This model's state is|another kind of sequence"):
        stream().load(tmp_path / "series")
    stream("ink", "both directions").save(tmp_path / "ink")
    with pytest.raises(DataError, match="another kind of sequence"):
        stream("text", "both directions").load(tmp_path / "ink")


def test_parts_are_joined_in_order() -> None:
    for raw in SEQUENCES.values():
        cut = length(raw) // 2
        again = joined([part(raw, 0, cut), part(raw, cut, length(raw))])
        assert length(again) == length(raw)
    with pytest.raises(DataError, match="found none"):
        joined([])


@pytest.mark.parametrize("answer", label_networks.TARGETS)
def test_the_stream_of_a_model_says_what_the_model_predicts(answer: str) -> None:
    model, examples = label_networks.model(answer, bidirectional=True)
    expected = next(model.predict(examples.inputs))
    of = model.stream(backend="reference")
    of.push(label_networks.TEXT[:9])
    of.push(label_networks.TEXT[9:])
    found = of.flush()
    np.testing.assert_allclose(found.outputs, expected.outputs, **tolerances.NUMPY_AGAINST_TORCH)
    if answer != "numbers":
        assert found.said == expected.said
