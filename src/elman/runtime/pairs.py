"""Runs networks from a sequence to another one, without torch: encoder, decoder with attention, ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell
from elman.decoding.beam import Output, Penalties, beam_search
from elman.errors import DataError, UsageError
from elman.runtime.backends import Array, State, StreamPrecision, make_stack
from elman.runtime.engine import check_shapes, log_softmax
from elman.runtime.label_parts import Counts, Linear, backwards, padded
from elman.shapes import DecoderShape, EncoderShape, PairShape

Symbols: TypeAlias = NDArray[np.int64]

#: Hypotheses, of all sentences together, that step side by side.
HYPOTHESES_AT_ONCE = 320

NO_PENALTIES = Penalties()

#: Sources that are encoded side by side, and pairs that are scored.
SEQUENCES_AT_ONCE = 64


class Memory(NamedTuple):
    """What a decoder looks at.

    Attributes:
        entries: (B, S, features).
        lengths: How many of them belong to each row, (B,), from 1 to S.
    """

    entries: Array
    lengths: Counts


class Told(NamedTuple):
    """What a decoder says of a target that it is told.

    Attributes:
        log_probabilities: Of each symbol after those before it, and of the end, (symbols + 1,), in nats.
        attention: Where it looked for each, (symbols + 1, places of the source).
    """

    log_probabilities: Array
    attention: Array


@final
class EncoderEngine:
    """Symbols to a memory, as `elman.shapes.EncoderShape` describes.

    Args:
        shape: What it is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
    """

    def __init__(
        self,
        shape: EncoderShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        self.shape = shape
        self._embedding = tensors["embedding.weight"]
        self._layers = [
            [
                _Layer(
                    cell,
                    {name: tensors[f"recurrent.{name}_l{number}{way}"] for name in cell.parameters()},
                    backend,
                    precision,
                )
                for way in shape.directions
            ]
            for number, cell in enumerate(shape.layers())
        ]

    def memory(self, sources: Sequence[Symbols]) -> Memory:
        """Of sources (symbols,) each; one without symbols is read as symbol 0. Raises `DataError` for unknown ones."""
        symbols, lengths = padded([np.asarray(source, np.int64) for source in sources])
        if symbols.min(initial=0) < 0 or symbols.max(initial=0) >= self.shape.symbols:
            raise DataError(f"Symbols of a source are 0 to {self.shape.symbols - 1}, found {symbols.max()}.")
        features: Array = self._embedding[symbols]
        for forward, *back in self._layers:
            ways = [forward.run(features)]
            ways += [backwards(each.run(backwards(features, lengths)), lengths) for each in back]
            features = np.concatenate(ways, 2)
        inside = np.arange(len(features))[:, None] < lengths
        return Memory(np.where(inside[..., None], features, np.float32(0)).swapaxes(0, 1), lengths)


class DecoderState(NamedTuple):
    """What a decoder knows of many rows, each of which belongs to a row of a memory.

    Attributes:
        keys: What queries are compared with, (B, S, ...).
        entries: What is read, (B, S, features).
        outside: Which entries do not belong to their row, (B, S).
        sources: For each row the row of the memory, (rows,), rising.
        layers: The states of the cells, (rows, size) each.
        attentional: What was found at the step before, (rows, attentional_size).
        seen: How much was looked at each entry so far, (rows, S).
    """

    keys: Array
    entries: Array
    outside: NDArray[np.bool_]
    sources: NDArray[np.int64]
    layers: State
    attentional: Array
    seen: Array


@final
class DecoderEngine:
    """Writes symbols while it looks at any memory, as `elman.shapes.DecoderShape` describes: a `StepDecoder`.

    Args:
        shape: What it is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
    """

    def __init__(
        self,
        shape: DecoderShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        run = (backend, precision)
        self.shape = shape
        self._embedding = tensors["embedding.weight"]
        self._first = Linear(tensors["first.weight"], tensors["first.bias"], *run)
        asking, *upper = shape.layers()
        self._asking = _Layer(asking, {name: tensors[f"asking.{name}_l0"] for name in asking.parameters()}, *run)
        self._upper = [
            _Layer(cell, {name: tensors[f"upper.{name}_l{number}"] for name in cell.parameters()}, *run)
            for number, cell in enumerate(upper)
        ]
        self.backend, self._reason = self._asking.backend, self._asking.reason
        key, query = tensors.get("attention.key.weight"), tensors.get("attention.query.weight")
        self._key = None if key is None else Linear(key, tensors.get("attention.key.bias"), *run)
        self._query = None if query is None else Linear(query, None, *run)
        self._score = tensors["attention.score.weight"][0] if shape.attention == "additive" else None
        self._coverage = tensors["attention.coverage"] if shape.coverage else None
        self._attentional = Linear(tensors["attentional.weight"], tensors["attentional.bias"], *run)
        table = tensors["embedding.weight" if shape.tied else "output.weight"]
        self._output = Linear(table, tensors["output.bias"], *run)

    def explain(self) -> str:
        """Which backend runs, and why."""
        return f"{self.backend}: {self._reason}"

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first symbol, a row for each row of the memory."""
        entries, lengths = memory
        rows, places = entries.shape[:2]
        outside = np.arange(places) >= lengths[:, None]
        inside = np.where(outside[..., None], np.float32(0), entries)
        mean = (inside.sum(1) / lengths[:, None]).astype(np.float32)
        first = np.split(np.tanh(self._first(mean)), len(self.shape.first_states), 1)
        layers = self._asking.start(rows, "asking") | dict(
            zip([f"asking.{name}" for name in self.shape.first_states], first, strict=True)
        )
        for number, layer in enumerate(self._upper):
            layers |= layer.start(rows, f"upper.{number}")
        keys = inside if self._key is None else self._key(inside)
        blank = np.zeros((rows, self.shape.attentional_size), np.float32)
        return DecoderState(keys, inside, outside, np.arange(rows), layers, blank, np.zeros((rows, places), np.float32))

    def step(self, state: DecoderState, symbols: Symbols) -> tuple[DecoderState, Array, Array]:
        """See `elman.decoding.beam.StepDecoder.step`."""
        x: Array = self._embedding[symbols]
        if self.shape.input_feeding:
            x = np.concatenate([x, state.attentional], 1)
        layers = dict(state.layers)
        hidden = self._asking.step(x, layers, "asking")
        attention = self._attention(hidden, state)
        context = _by_source(attention, state.entries, state.sources)
        attentional = np.tanh(self._attentional(np.concatenate([hidden, context], 1)))
        features = attentional
        for number, layer in enumerate(self._upper):
            features = layer.step(features, layers, f"upper.{number}")
        after = state._replace(layers=layers, attentional=attentional, seen=state.seen + attention)
        return after, log_softmax(self._output(features)), attention

    def select(self, state: DecoderState, rows: NDArray[np.int64]) -> DecoderState:
        """See `elman.decoding.beam.StepDecoder.select`."""
        sources = state.sources[rows]
        kept, places = np.unique(sources, return_inverse=True)
        whole = len(kept) == len(state.keys)
        return DecoderState(
            state.keys if whole else state.keys[kept],
            state.entries if whole else state.entries[kept],
            state.outside if whole else state.outside[kept],
            places,
            {name: value[rows] for name, value in state.layers.items()},
            state.attentional[rows],
            state.seen[rows],
        )

    def told(self, memory: Memory, targets: Sequence[Symbols]) -> list[Told]:
        """What it says of a target (symbols,) for each row of a memory, the end not among the symbols.

        The sum of the log-probabilities is ln p of the target.
        """
        found: list[Told] = []
        for begin in range(0, len(targets), SEQUENCES_AT_ONCE):
            some = slice(begin, begin + SEQUENCES_AT_ONCE)
            found += self._told(Memory(memory.entries[some], memory.lengths[some]), targets[some])
        return found

    def _told(self, memory: Memory, targets: Sequence[Symbols]) -> list[Told]:
        ended = [np.append(np.asarray(target, np.int64), self.shape.end) for target in targets]
        symbols, lengths = padded(ended)
        state, read, nats, looked = self.start(memory), np.full(len(ended), self.shape.end), [], []
        for written in symbols:
            state, log_probabilities, attention = self.step(state, read)
            nats.append(log_probabilities[np.arange(len(ended)), written])
            looked.append(attention)
            read = written
        each, where = np.stack(nats, 1), np.stack(looked, 1)
        return [
            Told(each[row, :length], where[row, :length, :places])
            for row, (length, places) in enumerate(zip(lengths, memory.lengths, strict=True))
        ]

    def _attention(self, hidden: Array, state: DecoderState) -> Array:
        """The weights (rows, S)."""
        query = hidden if self._query is None else self._query(hidden)
        if self._score is None:
            scores = _by_source(query, state.keys.swapaxes(1, 2), state.sources)
        else:
            scores = np.tanh(query[:, None] + state.keys[state.sources]) @ self._score
        if self._coverage is not None:
            scores = scores + self._coverage * state.seen
        scores = np.where(state.outside[state.sources], np.float32(-np.inf), scores)
        shares = np.exp(scores - scores.max(1, keepdims=True))
        weights: Array = shares / shares.sum(1, keepdims=True)
        return weights


@final
class PairEngine:
    """Encoder and decoder, as `elman.shapes.PairShape` describes.

    Args:
        shape: What it is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.

    Attributes:
        encoder: Reads sources.
        decoder: Writes targets.
    """

    def __init__(
        self,
        shape: PairShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        self.shape = shape
        of_encoder, of_decoder = (part_of(tensors, part) for part in ("encoder", "decoder"))
        if shape.shared:
            of_encoder["embedding.weight"] = of_decoder["embedding.weight"]
        self.encoder = EncoderEngine(shape.encoder, of_encoder, backend=backend, precision=precision)
        self.decoder = DecoderEngine(shape.decoder, of_decoder, backend=backend, precision=precision)

    def explain(self) -> str:
        """Which backend runs, and why."""
        return self.decoder.explain()

    def told(self, sources: Sequence[Symbols], targets: Sequence[Symbols]) -> list[Told]:
        """What it says of a target for each source, see `DecoderEngine.told`."""
        found: list[Told] = []
        for begin in range(0, len(targets), SEQUENCES_AT_ONCE):
            some = slice(begin, begin + SEQUENCES_AT_ONCE)
            found += self.decoder.told(self.encoder.memory(sources[some]), targets[some])
        return found


@final
class Ensemble:
    """Several decoders as one: the mean of their probabilities, and of their attention where all look alike.

    A `StepDecoder`, whose state is that of each.

    Args:
        decoders: At least one; all write the same symbols.

    Raises `UsageError` where they do not.
    """

    def __init__(self, decoders: Sequence[DecoderEngine]) -> None:
        if not decoders or len({decoder.shape.symbols for decoder in decoders}) > 1:
            raise UsageError("An ensemble needs one or more decoders of the same symbols.")
        self._decoders = list(decoders)

    def start(self, memories: Sequence[Memory]) -> tuple[DecoderState, ...]:
        """The state before the first symbol, from the memory of each."""
        return tuple(decoder.start(memory) for decoder, memory in zip(self._decoders, memories, strict=True))

    def step(
        self, state: tuple[DecoderState, ...], symbols: Symbols
    ) -> tuple[tuple[DecoderState, ...], Array, Array | None]:
        """See `elman.decoding.beam.StepDecoder.step`."""
        found = [decoder.step(each, symbols) for decoder, each in zip(self._decoders, state, strict=True)]
        states = tuple(each[0] for each in found)
        if len(found) == 1:
            return states, *found[0][1:]
        mean = np.logaddexp.reduce([each[1] for each in found]) - np.float32(np.log(len(found)))
        alike = len({each[2].shape for each in found}) == 1
        attention = np.mean([each[2] for each in found], 0) if alike else None
        return states, mean, attention

    def select(self, state: tuple[DecoderState, ...], rows: NDArray[np.int64]) -> tuple[DecoderState, ...]:
        """See `elman.decoding.beam.StepDecoder.select`."""
        return tuple(decoder.select(each, rows) for decoder, each in zip(self._decoders, state, strict=True))


def search(
    engines: Sequence[PairEngine],
    sources: Sequence[Symbols],
    longest: Sequence[int],
    *,
    beam: int = 5,
    count: int = 1,
    penalties: Penalties = NO_PENALTIES,
) -> list[list[Output]]:
    """The best targets of sources by beam search, with one network or several as one.

    Sources of like lengths are searched side by side.

    Args:
        engines: The networks; all write the same symbols.
        sources: (symbols,) each, read by all networks.
        longest: For each source, the most symbols of its target.
        beam: Hypotheses per source that go on.
        count: Targets wanted for each source, at most ``beam``.
        penalties: How targets of different lengths are compared.

    Returns:
        For each source at most ``count`` targets, the best one first; attention is (symbols + 1, places of the source).

    Raises:
        SettingsError: The beam or the count does not fit.
        DataError: A source has unknown symbols.
        UsageError: The networks do not write the same symbols.
    """
    found: list[list[Output]] = [[]] * len(sources)
    order = np.argsort([len(source) for source in sources], kind="stable")
    at_once = max(1, HYPOTHESES_AT_ONCE // beam)
    for begin in range(0, len(order), at_once):
        rows = order[begin : begin + at_once]
        memories = [engine.encoder.memory([sources[row] for row in rows]) for engine in engines]
        outputs = write(
            [engine.decoder for engine in engines],
            memories,
            [longest[row] for row in rows],
            beam=beam,
            count=count,
            penalties=penalties,
        )
        for row, several in zip(rows, outputs, strict=True):
            found[row] = several
    return found


def write(
    decoders: Sequence[DecoderEngine],
    memories: Sequence[Memory],
    longest: Sequence[int],
    *,
    beam: int = 5,
    count: int = 1,
    penalties: Penalties = NO_PENALTIES,
) -> list[list[Output]]:
    """The best that decoders write of memories, by beam search, all rows side by side.

    Args:
        decoders: One, or several as one.
        memories: What each of them looks at, of as many rows.
        longest: For each row, the most symbols that are written.
        beam: As for `search`.
        count: As for `search`.
        penalties: As for `search`; the coverage is that of the first memory's places.

    Returns:
        For each row at most ``count`` outputs, the best one first; attention is (symbols + 1, places of its row).

    Raises:
        SettingsError: The beam or the count does not fit.
        UsageError: The decoders do not write the same symbols.
    """
    ensemble, end = Ensemble(decoders), decoders[0].shape.end
    lengths = memories[0].lengths.tolist()
    outputs = beam_search(
        ensemble, ensemble.start(memories), longest, start=end, end=end, beam=beam, count=count, penalties=penalties,
        sources=lengths,
    )  # fmt: skip
    return [[_within(output, places) for output in several] for places, several in zip(lengths, outputs, strict=True)]


@final
class _Layer:
    """A cell in one direction."""

    def __init__(self, cell: Cell, params: Mapping[str, Array], backend: str, precision: StreamPrecision) -> None:
        self._sizes = cell.state_sizes
        self.backend, self.reason, self._stack = make_stack(None, [(cell, params)], None, backend, precision)

    def run(self, features: Array) -> Array:
        """Outputs (T, B, ...) of inputs (T, B, features), from zero states."""
        state = {f"{name}_l0": np.zeros((features.shape[1], size), np.float32) for name, size in self._sizes.items()}
        outputs, _ = self._stack.run(features, state)
        return outputs

    def start(self, rows: int, prefix: str) -> State:
        """Zero states, named ``<prefix>.<name>``."""
        return {f"{prefix}.{name}": np.zeros((rows, size), np.float32) for name, size in self._sizes.items()}

    def step(self, x: Array, states: State, prefix: str) -> Array:
        """The output (rows, ...) at one step; its states are brought up to date."""
        before = {f"{name}_l0": states[f"{prefix}.{name}"] for name in self._sizes}
        # Not the stack's own step, which would keep memory for every number of rows that there ever was.
        outputs, after = self._stack.run(x[None], before)
        states |= {f"{prefix}.{name}": after[f"{name}_l0"] for name in self._sizes}
        output: Array = outputs[0]
        return output


def part_of(tensors: Mapping[str, Array], part: str) -> dict[str, Array]:
    """The tensors of a part, named as it names them."""
    return {name.removeprefix(f"{part}."): each for name, each in tensors.items() if name.startswith(f"{part}.")}


def _by_source(rows: Array, matrices: Array, sources: NDArray[np.int64]) -> Array:
    """Rows (rows, n), each times the matrix of its source, (B, n, m)."""
    each, left = divmod(len(rows), len(matrices))
    if left or not np.array_equal(sources, np.repeat(np.arange(len(matrices)), each)):
        product: Array = np.matmul(rows[:, None], matrices[sources])[:, 0]
        return product
    grouped = np.matmul(rows.reshape(len(matrices), each, -1), matrices)
    together: Array = grouped.reshape(len(rows), -1)
    return together


def _within(output: Output, places: int) -> Output:
    """An output whose attention has the places of its source alone."""
    return output if output.attention is None else output._replace(attention=output.attention[:, :places])
