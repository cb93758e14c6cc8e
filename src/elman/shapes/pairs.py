"""What networks from a sequence to another one are made of: an encoder, and a decoder with attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from elman import cells
from elman.cells.cell import STATISTICS
from elman.errors import BundleError, SettingsError, nearest

ATTENTIONS = ("general", "additive", "dot")


@dataclass(frozen=True)
class EncoderShape:
    """What an encoder of symbols is made of: an embedding, and a stack of ``cell`` in both directions.

    Its outputs, both directions side by side, are the memory that a decoder looks at.

    Attributes:
        symbols: How many there are.
        embedding_size: Features of a symbol.
        cell: Name of the cell.
        hidden_sizes: Units of each layer, in each direction.
        bidirectional: Whether it reads in both directions.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.
    """

    symbols: int
    embedding_size: int
    cell: str
    hidden_sizes: tuple[int, ...]
    bidirectional: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_sizes", tuple(self.hidden_sizes))
        if self.symbols < 1 or self.embedding_size < 1 or not self.hidden_sizes:
            raise SettingsError("An encoder needs at least one symbol, one feature of it and one recurrent layer.")
        self.layers()

    @property
    def directions(self) -> tuple[str, ...]:
        """What the names of weights end in: nothing for the forward direction."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def features(self) -> int:
        """Of each entry of the memory."""
        return self.layers()[-1].output_size * len(self.directions)

    def layers(self) -> list[cells.Cell]:
        """The cells of the stack, bottom first; in both directions each runs twice."""
        size, stack = self.embedding_size, []
        for hidden_size in self.hidden_sizes:
            stack.append(cells.make(self.cell, size, hidden_size))
            size = stack[-1].output_size * len(self.directions)
        return stack

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor.

        ``embedding.weight`` (symbols, features); ``recurrent.<name>_l<layer>`` as in torch.nn.
        """
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (self.symbols, self.embedding_size)}
        for number, cell in enumerate(self.layers()):
            for direction in self.directions:
                for name, parameter in cell.parameters().items():
                    shapes[f"recurrent.{name}_l{number}{direction}"] = parameter.shape
        return shapes


@dataclass(frozen=True)
class DecoderShape:
    r"""What a decoder with attention is made of: it writes symbols while it looks at a memory m_1 ... m_S.

    .. math::
        h_t &= \text{cell}([E y_{t-1}; a_{t-1}], h_{t-1}), \quad h_0 = \tanh(W_0 \bar m + b_0) \\
        e_{tj} &= \text{score}(h_t, m_j) + u \sum_{k<t} \alpha_{kj} \\
        c_t &= \sum_j \alpha_{tj} m_j, \quad \alpha_t = \operatorname{softmax}_j(e_t) \\
        a_t &= \tanh(W_a [h_t; c_t] + b_a) \\
        p(y_t \mid y_{<t}) &= \operatorname{softmax}(W o_t + b)

    where o_t = a_t, or, with further layers, the output of a stack of the same cell over a_1 ... a_t. a_0 is zero,
    and ``\bar m`` the mean of the memory. h_0 is the first state of the cell, and the one named ``cell`` begins so as
    well where there is one, with a matrix of its own; other states begin at zero. The score is

    - ``general``: :math:`h_t^\top W m_j`;
    - ``additive``: :math:`v^\top \tanh(W h_t + V m_j + b)`, with as many hidden units as h has;
    - ``dot``: :math:`h_t^\top m_j`.

    The last symbol is the end: it ends what is written, and it is y_0.

    Attributes:
        symbols: How many there are, the end among them.
        embedding_size: Features of a symbol.
        cell: Name of the cell.
        hidden_sizes: Units of each layer; the first one is h above.
        memory: Features of an entry of the memory.
        attentional_size: Features of a.
        attention: How entries are scored, one of `ATTENTIONS`.
        input_feeding: Whether a is read at the next step. Without it, and without coverage, all steps are trained
            at once.
        coverage: Whether the score sees how much was looked at before (u above).
        tied: Whether W is the embedding E.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.

    Sources: Luong, Pham & Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015;
    additive: Bahdanau, Cho & Bengio, ICLR 2015; the first state: Sennrich et al., "Nematus", EACL 2017; coverage: Tu
    et al., "Modeling coverage for neural machine translation", ACL 2016; tied: Press & Wolf, EACL 2017.
    """

    symbols: int
    embedding_size: int
    cell: str
    hidden_sizes: tuple[int, ...]
    memory: int
    attentional_size: int
    attention: str = "general"
    input_feeding: bool = True
    coverage: bool = False
    tied: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_sizes", tuple(self.hidden_sizes))
        if self.symbols < 2 or min(self.embedding_size, self.memory, self.attentional_size) < 1:
            raise SettingsError("A decoder needs two symbols, the end among them, and sizes of at least 1.")
        if not self.hidden_sizes:
            raise SettingsError("A decoder needs at least one recurrent layer.")
        if self.attention not in ATTENTIONS:
            known = ", ".join(ATTENTIONS)
            raise SettingsError(
                f"There is no attention '{self.attention}' here, only {known}.{nearest(self.attention, ATTENTIONS)}"
            )
        asking = self.layers()[0]
        if self.attention == "dot" and asking.output_size != self.memory:
            raise SettingsError(
                f"Dot attention compares {asking.output_size} units of the decoder with {self.memory} features of the "
                "memory: make them equal, or use the attention general."
            )
        if self.tied and self.output_size != self.embedding_size:
            raise SettingsError(
                f"Tied weights need as many features of a symbol, {self.embedding_size}, as of what it is told from, "
                f"{self.output_size}."
            )
        if self.step_by_step and any(each.kind in STATISTICS for each in asking.parameters().values()):
            raise SettingsError(
                f"Cell {self.cell} measures statistics over all steps, of which input feeding and coverage let it see "
                "one at a time. Use another cell, or neither of them."
            )

    @property
    def end(self) -> int:
        """The symbol that ends what is written, and that is read first."""
        return self.symbols - 1

    @property
    def step_by_step(self) -> bool:
        """Whether a step needs what was found at the one before."""
        return self.input_feeding or self.coverage

    @property
    def first_states(self) -> dict[str, int]:
        """The states of the lowest layer that do not begin at zero, and their sizes."""
        sizes = self.layers()[0].state_sizes
        return {name: size for number, (name, size) in enumerate(sizes.items()) if not number or name == "cell"}

    @property
    def output_size(self) -> int:
        """Features from which a symbol is told."""
        return self.layers()[-1].output_size if len(self.hidden_sizes) > 1 else self.attentional_size

    def layers(self) -> list[cells.Cell]:
        """The cells, bottom first; the lowest one asks, those above it read the attentional vectors."""
        fed = self.attentional_size if self.input_feeding else 0
        stack = [cells.make(self.cell, self.embedding_size + fed, self.hidden_sizes[0])]
        size = self.attentional_size
        for hidden_size in self.hidden_sizes[1:]:
            stack.append(cells.make(self.cell, size, hidden_size))
            size = stack[-1].output_size
        return stack

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor.

        ``embedding.weight`` (symbols, features); ``first.weight`` (first states, memory) and ``first.bias``;
        ``asking.<name>_l0`` and, for further layers, ``upper.<name>_l<layer>`` as in torch.nn; of the score
        ``attention.key.weight`` (h, memory), for the additive one also ``attention.key.bias``,
        ``attention.query.weight`` (h, h) and ``attention.score.weight`` (1, h); ``attention.coverage`` (1,);
        ``attentional.weight`` (a, h + memory) and ``attentional.bias``; ``output.weight`` (symbols, o) unless tied,
        and ``output.bias`` (symbols,).
        """
        asking, *upper = self.layers()
        hidden = asking.output_size
        shapes: dict[str, tuple[int, ...]] = {
            "embedding.weight": (self.symbols, self.embedding_size),
            "first.weight": (sum(self.first_states.values()), self.memory),
            "first.bias": (sum(self.first_states.values()),),
        }
        shapes |= {f"asking.{name}_l0": each.shape for name, each in asking.parameters().items()}
        for number, cell in enumerate(upper):
            shapes |= {f"upper.{name}_l{number}": each.shape for name, each in cell.parameters().items()}
        if self.attention != "dot":
            shapes["attention.key.weight"] = (hidden, self.memory)
        if self.attention == "additive":
            shapes["attention.key.bias"] = (hidden,)
            shapes["attention.query.weight"] = (hidden, hidden)
            shapes["attention.score.weight"] = (1, hidden)
        if self.coverage:
            shapes["attention.coverage"] = (1,)
        shapes["attentional.weight"] = (self.attentional_size, hidden + self.memory)
        shapes["attentional.bias"] = (self.attentional_size,)
        if not self.tied:
            shapes["output.weight"] = (self.symbols, self.output_size)
        shapes["output.bias"] = (self.symbols,)
        return shapes


@dataclass(frozen=True)
class PairShape:
    """What a network from a sequence of symbols to another one is made of: enough to build it in any backend.

    Attributes:
        encoder: Reads the source.
        decoder: Writes the target; its memory has as many features as the encoder's outputs.
        shared: Whether both have one embedding, the decoder's, as they have one vocabulary.

    Raises `SettingsError` for what does not fit together.
    """

    encoder: EncoderShape
    decoder: DecoderShape
    shared: bool = False

    def __post_init__(self) -> None:
        if self.decoder.memory != self.encoder.features:
            raise SettingsError(
                f"The decoder expects a memory of {self.decoder.memory} features, the encoder makes "
                f"{self.encoder.features}."
            )
        sizes = [(part.symbols, part.embedding_size) for part in (self.encoder, self.decoder)]
        if self.shared and sizes[0] != sizes[1]:
            raise SettingsError(
                f"A shared embedding needs the same symbols and features on both sides, found {sizes[0]} and "
                f"{sizes[1]}."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PairShape:
        """Read what `to_dict` wrote. Raises `BundleError` for what does not describe a network."""
        try:
            parts = {"encoder": EncoderShape(**values["encoder"]), "decoder": DecoderShape(**values["decoder"])}
            return cls(**{**values, **parts})
        except (TypeError, KeyError, ValueError, SettingsError) as error:
            raise BundleError(f"config.json: 'network' does not describe a network ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"encoder": as_plain(self.encoder), "decoder": as_plain(self.decoder), "shared": self.shared}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of both parts, as ``encoder.<name>`` and ``decoder.<name>``; a shared embedding is the decoder's."""
        shapes = {f"encoder.{name}": shape for name, shape in self.encoder.parameter_shapes().items()}
        if self.shared:
            del shapes["encoder.embedding.weight"]
        return shapes | {f"decoder.{name}": shape for name, shape in self.decoder.parameter_shapes().items()}


def as_plain(part: EncoderShape | DecoderShape) -> dict[str, Any]:
    """Plain values for JSON, from which the class makes the part again."""
    return {**asdict(part), "hidden_sizes": list(part.hidden_sizes)}
