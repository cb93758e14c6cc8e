"""A model that translates as `elman.nn.subject.Subject`, for `elman inspect`: its decoder, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from elman.cells import Array, Cell, Ops, Parameter
from elman.data.examples import Examples
from elman.errors import DataError
from elman.nn.pairs import Decoder, PairNetwork
from elman.nn.recurrent import Recurrent
from elman.nn.subject import Subject
from elman.runtime.pair_model import END, PairModel
from elman.shapes import DecoderShape
from elman.tasks.training_run import put_weights

#: Pairs from which the longest are chosen.
CONSIDERED = 200

#: What the symbol that is read first is called.
START = "<start>"

Symbols: TypeAlias = NDArray[np.int64]


def subject(model: PairModel, examples: Examples, steps: int, batch: int, title: str) -> Subject:
    """The decoder and some of the longest targets, all cut to the length of the shortest of them.

    The decoder reads the known target and is asked for its next symbol at every step. What it found in the source is
    held as it was: so all that is seen is what the decoder itself remembers of what it has written and found. It begins
    at the mean of the states in which it began for these sources.

    Args:
        model: What was learnt.
        examples: Pairs.
        steps: Symbols of each target at most.
        batch: Pairs at most.
        title: Of the model, for headings.

    Raises `DataError` without targets, or where no target has a symbol.
    """
    sources, targets = _chosen(model, examples, steps, batch)
    shape, end = model.shape.decoder, model.shape.decoder.end
    network = PairNetwork(model.shape, backend="reference").eval()
    put_weights(network, model.tensors)
    lengths = torch.tensor([len(source) for source in sources])
    read = torch.cat([torch.full((len(targets), 1), end), targets[:, :-1]], 1)
    with torch.no_grad():
        table = network.decoder.embedding.weight if model.shape.shared else None
        memory = network.encoder(_padded(sources), lengths, table)
        contexts = network.decoder(memory, lengths, targets).attention @ memory
        layer = writing_layer(network.decoder, network.decoder.first_state(memory, lengths))
        inputs = torch.cat([network.decoder.embedding(read), contexts], 2)
    names = (*model.target.symbols, END)
    return Subject(
        recurrent=layer,
        inputs=inputs,
        readout=network.requires_grad_(False).decoder.scores,
        losses=cross_entropy,
        targets=targets,
        counts=torch.ones_like(targets, dtype=torch.bool),
        labels=[[START, *(names[symbol] for symbol in row[1:])] for row in read.tolist()],
        answers=names,
        title=f"{title}, {shape.cell} {' + '.join(map(str, shape.hidden_sizes))}",
    )


@final
@dataclass(frozen=True, kw_only=True)
class WritingCell(Cell):
    """All layers of a decoder at one step; the embedded symbol and what was found in the source come in, side by side.

    The first state is what a symbol is told from; see `elman.shapes.DecoderShape` for the equations.

    Attributes:
        decoder: What it is made of.
    """

    name = "decoder"
    gates = ()

    decoder: DecoderShape

    @property
    def state_sizes(self) -> dict[str, int]:
        """See `Cell.state_sizes`; states of layer n above the lowest one end in ``_n``."""
        lowest, *upper = self.decoder.layers()
        sizes = {"attentional": self.decoder.attentional_size, **lowest.state_sizes}
        for number, cell in enumerate(upper, 1):
            sizes = {f"{name}_{number}": size for name, size in cell.state_sizes.items()} | sizes
        return sizes

    def parameters(self) -> dict[str, Parameter]:
        """See `Cell.parameters`."""
        lowest, *upper = self.decoder.layers()
        size, found = self.decoder.attentional_size, lowest.parameters()
        for number, cell in enumerate(upper, 1):
            found |= {f"{name}_{number}": each for name, each in cell.parameters().items()}
        for name, shape in {
            "symbol": (self.decoder.embedding_size, self.input_size),
            "attentional_context": (size, self.input_size),
            "attentional_hidden": (size, lowest.output_size),
        }.items():
            found[name] = Parameter(shape, (name,), "input")
        return found | {"attentional_bias": Parameter((size,), ("attentional_bias",), "input_bias")}

    @property
    def extras(self) -> dict[str, int]:
        """See `Cell.extras`."""
        return self.decoder.layers()[0].extras

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        lowest, *upper = self.decoder.layers()
        read = ops.linear(x, params["symbol"])
        if self.decoder.input_feeding:
            read = ops.join(read, state["attentional"])
        after = lowest.step(ops, read, state, params)
        hidden = after[next(iter(lowest.state_sizes))]
        found = ops.linear(x, params["attentional_context"], params["attentional_bias"])
        below = after["attentional"] = ops.tanh(found + ops.linear(hidden, params["attentional_hidden"]))
        for number, cell in enumerate(upper, 1):
            before = {name: state[f"{name}_{number}"] for name in cell.state_sizes}
            own = {name: params[f"{name}_{number}"] for name in cell.parameters()}
            stepped = cell.step(ops, below, before, {**params, **own})
            below = stepped[next(iter(cell.state_sizes))]
            after |= {f"{name}_{number}": each for name, each in stepped.items()}
        return {name: after[name] for name in self.state_sizes}


def writing_layer(decoder: Decoder, first: Mapping[str, Tensor]) -> Recurrent:
    """A decoder as layers of their own, with its weights; it begins at the mean of these states."""
    shape, own = decoder.shape, decoder.state_dict()
    embedding, hidden = shape.embedding_size, shape.layers()[0].output_size
    layer = Recurrent(
        lambda input_size, hidden_size: WritingCell(input_size, hidden_size, decoder=shape),
        embedding + shape.memory,
        shape.output_size,
        learn_initial_state=True,
        backend="reference",
    )
    weights = {name.removeprefix("asking."): each for name, each in own.items() if name.startswith("asking.")}
    for name, each in own.items():
        if name.startswith("upper."):
            parameter, _, level = name.removeprefix("upper.").rpartition("_l")
            weights[f"{parameter}_{int(level) + 1}_l0"] = each
    matrix = own["attentional.weight"]
    weights["symbol_l0"] = torch.eye(embedding, embedding + shape.memory)
    weights["attentional_context_l0"] = functional.pad(matrix[:, hidden:], (embedding, 0))
    weights["attentional_hidden_l0"] = matrix[:, :hidden]
    weights["attentional_bias_l0"] = own["attentional.bias"]
    zeros = {name: torch.zeros(size) for name, size in layer.cells[0].state_sizes.items()}
    starts = zeros | {name: each.mean(0) for name, each in first.items()}
    layer.load_state_dict(weights | {f"initial_{name}_l0": each for name, each in starts.items()})
    return layer.eval()


def _chosen(model: PairModel, examples: Examples, steps: int, batch: int) -> tuple[list[Symbols], Tensor]:
    """Sources, and targets (batch, time) with as much as all have of them."""
    if examples.targets is None:
        raise DataError("A look at a model needs sources of which the target is known.")
    rows = np.unique(np.linspace(0, len(examples) - 1, min(CONSIDERED, len(examples))).astype(int)).tolist()
    pairs = []
    for row in rows:
        known = examples.targets[row]
        target = model.learn(known if isinstance(known, str) else known[0])
        pairs.append((model.read(str(examples.inputs[row])), np.append(target, model.shape.decoder.end)))
    pairs = sorted((pair for pair in pairs if len(pair[0])), key=lambda pair: -min(steps, len(pair[1])))[:batch]
    time = min([steps, *(len(target) for _, target in pairs)])
    if time < 2:
        raise DataError("A look at a model needs targets of at least one symbol.")
    return [source for source, _ in pairs], torch.from_numpy(np.stack([target[:time] for _, target in pairs]))


def _padded(sources: Sequence[Symbols]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(source) for source in sources], batch_first=True)


def cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    """Of the right symbol, in nats: scores (batch, time, symbols), targets (batch, time)."""
    return functional.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")
