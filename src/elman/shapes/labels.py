"""What a network from sequences to labels is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from elman import cells
from elman.errors import BundleError, SettingsError, nearest

HEADS = ("softmax", "sigmoid", "linear", "crf", "ctc", "features")

#: Those of them that have scores at the steps that convolutions leave.
STRIDED_HEADS = ("ctc", "features")
POOLS = ("mean", "max", "last", "attention")

#: Units of the layer that scores a step for attention.
ATTENTION_SIZE = 64


class Convolution(NamedTuple):
    """A convolution with ReLU over it.

    Attributes:
        channels: What comes out.
        width: Steps, or pixels in both directions, that it sees; odd where it runs over pixels.
        stride: Steps or pixels from one result to the next.
    """

    channels: int
    width: int
    stride: int = 1


class Plane(NamedTuple):
    """A convolution with ReLU over time and across the features of a frame, and the largest of each block of it.

    At the sides of the features there are zeros. In one direction it sees the ``steps`` up to its own, and a block is
    the ``pool_steps`` up to every ``pool_steps``-th, from the first on; in both directions it sees as many steps before
    as after, and a block begins there.

    Attributes:
        channels: What comes out.
        steps: Steps that it sees.
        features: Features that it sees, side by side; odd.
        pool_steps: Steps of a block.
        pool_features: Features of a block.
    """

    channels: int
    steps: int
    features: int
    pool_steps: int = 1
    pool_features: int = 1


@dataclass(frozen=True)
class LabelShape:
    """What a network from sequences to labels is made of: enough to build it again in any backend.

    From the bottom up:

    - steps: symbols of several fields, each with an embedding, side by side; or frames. A frame of pixels goes through
      ``frame_convolutions`` and is then taken as one row of numbers; or a module of the user's makes ``encoder``
      features of a frame.
    - ``planes``: frames of plain features side by side are a picture, of which convolutions over time and across the
      features make maps of one or more channels, smaller ones where blocks are pooled; a step is then all channels of
      all features that are left.
    - ``convolutions`` over time: a result at every ``stride``-th step, from the first on. In one direction it sees the
      ``width`` steps up to its own, else as many before as after it; what lies outside is zero.
    - a stack of ``cell`` with ``hidden_sizes`` units, in one direction or in both, whose outputs are joined.
    - ``pooling`` over all steps, several ways side by side: ``last`` takes each direction after it has read all.
      Without pooling there are scores at every step.
    - ``head``: a linear layer whose scores are taken as log-odds of one answer out of many (``softmax``), of each
      answer by itself (``sigmoid``), as numbers (``linear``), or as those of a conditional random field (``crf``); or
      whose log-softmax is ln p of every symbol of a transcript and, last, of the blank (``ctc``); or as what another
      network reads (``features``), such as `elman.shapes.TransducerShape`.
    - ``bag``: features of the whole sequence, of which a second linear layer makes scores that are added.
    - ``two_strands``: DNA is read on both strands and the scores are averaged; which symbol, or feature of a frame,
      stands on the other strand for each one. Empty: one strand alone.

    Attributes:
        head: One of `HEADS`.
        outputs: Scores.
        hidden_sizes: Units of every recurrent layer.
        symbols: How many symbols each field has; empty where steps are frames.
        embedding_sizes: Features of each field.
        planes: Convolutions over time and across features, see `Plane`.
        frame: Shape of a frame, (features,) or (height, width, channels); empty where steps are symbols.
        bag: Features of the bag; 0 without one.
        encoder: Features that a module of the user's makes of a frame; 0 without one.

    Raises `SettingsError` for what does not fit together. `parameter_shapes` names the weights.
    """

    head: str
    outputs: int
    cell: str
    hidden_sizes: tuple[int, ...]
    symbols: tuple[int, ...] = ()
    embedding_sizes: tuple[int, ...] = ()
    frame: tuple[int, ...] = ()
    frame_convolutions: tuple[Convolution, ...] = ()
    convolutions: tuple[Convolution, ...] = ()
    bidirectional: bool = False
    pooling: tuple[str, ...] = ()
    bag: int = 0
    two_strands: tuple[int, ...] = ()
    encoder: int = 0
    planes: tuple[Plane, ...] = ()

    def __post_init__(self) -> None:
        for name in ("hidden_sizes", "symbols", "embedding_sizes", "frame", "pooling", "two_strands"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("convolutions", "frame_convolutions"):
            object.__setattr__(self, name, tuple(Convolution(*each) for each in getattr(self, name)))
        object.__setattr__(self, "planes", tuple(Plane(*each) for each in self.planes))
        self._check_steps()
        self._check_scores()

    def _check_steps(self) -> None:
        if bool(self.symbols) == bool(self.frame):
            raise SettingsError("A step is symbols or a frame: give the network one of symbols and frame.")
        if len(self.embedding_sizes) != len(self.symbols):
            raise SettingsError(
                f"Every field of a step needs an embedding size: {len(self.symbols)} fields, "
                f"{len(self.embedding_sizes)} sizes."
            )
        if self.frame and len(self.frame) not in (1, 3):
            raise SettingsError(f"A frame is (features,) or (height, width, channels), not {self.frame}.")
        if self.frame_convolutions and len(self.frame) != 3:
            raise SettingsError("frame_convolutions need frames of pixels, (height, width, channels).")
        if self.encoder and (self.symbols or self.frame_convolutions):
            raise SettingsError("An encoder of one's own takes frames, in place of frame_convolutions.")
        if self.planes and (len(self.frame) != 1 or self.encoder):
            raise SettingsError("planes need frames of plain features, (features,), and no encoder of one's own.")
        for each in (*self.convolutions, *self.frame_convolutions, *self.planes):
            if min(each) < 1:
                raise SettingsError(f"A convolution needs channels, width and stride of at least 1, not {each}.")
        if any(each.width % 2 == 0 for each in self.frame_convolutions):
            raise SettingsError("Convolutions over pixels need an odd width.")
        if any(each.features % 2 == 0 for each in self.planes):
            raise SettingsError("planes see an odd number of features.")
        strands = sum(self.symbols) if self.symbols else math.prod(self.frame)
        if self.two_strands and (len(self.symbols) > 1 or sorted(self.two_strands) != list(range(strands))):
            raise SettingsError(f"two_strands must name each of the {strands} symbols or features once.")

    def _check_scores(self) -> None:
        if self.head not in HEADS:
            raise SettingsError(f"There is no head '{self.head}', only {', '.join(HEADS)}.{nearest(self.head, HEADS)}")
        for pool in self.pooling:
            if pool not in POOLS:
                raise SettingsError(f"There is no pooling '{pool}', only {', '.join(POOLS)}.{nearest(pool, POOLS)}")
        if self.outputs < 1 or not self.hidden_sizes:
            raise SettingsError("A network needs at least one recurrent layer and one output.")
        if self.pooling and self.head in ("crf", *STRIDED_HEADS):
            raise SettingsError(f"A head '{self.head}' scores every step: leave pooling out.")
        if self.head == "ctc" and self.outputs < 2:
            raise SettingsError("CTC needs two outputs or more: symbols, and the blank behind them.")
        if self.pooling:
            return
        if self.bag:
            raise SettingsError("A bag of features belongs to the whole sequence: it needs pooling.")
        if self.head not in STRIDED_HEADS and self.stride > 1:
            raise SettingsError("Scores at every step need convolutions of stride 1.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelShape:
        """Read what `to_dict` wrote. Raises `BundleError` for what does not describe a network."""
        try:
            return cls(**values)
        except (TypeError, KeyError, ValueError, SettingsError) as error:
            raise BundleError(f"config.json: 'network' does not describe a network ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @property
    def lookahead(self) -> int | None:
        """How many steps after t the scores at t need; None where they need the whole sequence, see `whole`."""
        return None if self.whole else 0

    @property
    def whole(self) -> str:
        """Why the network needs the whole sequence before it can answer; empty where it does not."""
        if self.bidirectional:
            return "it reads in both directions"
        if self.two_strands:
            return "it reads both strands"
        if self.bag:
            return "it takes features of the whole sequence"
        return "its tags are chosen together" if self.head == "crf" else ""

    @property
    def directions(self) -> tuple[str, ...]:
        """What the names of weights end in: nothing for the forward direction."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def step_size(self) -> int:
        """Numbers of one step, after embedding or convolutions over pixels."""
        if self.symbols:
            return sum(self.embedding_sizes)
        if self.encoder:
            return self.encoder
        if self.planes:
            return self.planes[-1].channels * self.plane_features[-1]
        if len(self.frame) == 1:
            return self.frame[0]
        height, width, channels = self.frame
        for each in self.frame_convolutions:
            height, width, channels = -(-height // each.stride), -(-width // each.stride), each.channels
        return height * width * channels

    @property
    def plane_features(self) -> tuple[int, ...]:
        """Features across which each plane goes, and at the end those that the last one leaves."""
        sizes = [self.frame[0]] if self.planes else []
        for each in self.planes:
            sizes.append(-(-sizes[-1] // each.pool_features))
        return tuple(sizes)

    @property
    def stride(self) -> int:
        """Steps from one result of the planes and convolutions over time to the next."""
        return math.prod([each.pool_steps for each in self.planes] + [each.stride for each in self.convolutions])

    def kept(self, steps: int) -> int:
        """How many of ``steps`` the planes and convolutions over time leave: those at which there are scores.

        A sequence without steps is read as one step.
        """
        return (max(1, steps) - 1) // self.stride + 1

    @property
    def features(self) -> int:
        """Outputs of the recurrent layers at one step."""
        return self.layers()[-1].output_size * len(self.directions)

    def layers(self) -> list[cells.Cell]:
        """The cells of the stack, bottom first; in both directions each runs twice."""
        size = self.convolutions[-1].channels if self.convolutions else self.step_size
        stack = []
        for hidden_size in self.hidden_sizes:
            stack.append(cells.make(self.cell, size, hidden_size))
            size = stack[-1].output_size * len(self.directions)
        return stack

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the network, as ``model.safetensors`` holds them.

        ``embedding.<field>.weight`` (symbols, features); ``frames.<layer>.weight`` (channels, channels below, width,
        width) and ``.bias``; ``planes.<layer>.weight`` (channels, channels below, steps, features) and ``.bias``;
        ``convolutions.<layer>.weight`` (channels, channels below, width) and ``.bias``;
        ``recurrent.<name>_l<layer>`` as in torch.nn; ``attention.hidden.weight``, ``attention.hidden.bias``,
        ``attention.score.weight``; ``head.weight`` (outputs, features) and ``head.bias``, for CTC and a CRF
        ``head.linear.weight`` and ``head.linear.bias``, for a CRF ``head.transitions`` (from, to), ``head.start`` and
        ``head.end`` besides;
        ``bag.weight`` (outputs, bag) and ``bag.bias``. Those of an encoder of the user's, ``encoder.<name>``, are not
        among them.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        for field, size in enumerate(zip(self.symbols, self.embedding_sizes, strict=True)):
            shapes[f"embedding.{field}.weight"] = size
        channels = self.frame[-1] if self.frame else 0
        for number, each in enumerate(self.frame_convolutions):
            shapes[f"frames.{number}.weight"] = (each.channels, channels, each.width, each.width)
            shapes[f"frames.{number}.bias"] = (each.channels,)
            channels = each.channels
        channels = 1
        for number, plane in enumerate(self.planes):
            shapes[f"planes.{number}.weight"] = (plane.channels, channels, plane.steps, plane.features)
            shapes[f"planes.{number}.bias"] = (plane.channels,)
            channels = plane.channels
        channels = self.step_size
        for number, each in enumerate(self.convolutions):
            shapes[f"convolutions.{number}.weight"] = (each.channels, channels, each.width)
            shapes[f"convolutions.{number}.bias"] = (each.channels,)
            channels = each.channels
        for number, cell in enumerate(self.layers()):
            for direction in self.directions:
                for name, parameter in cell.parameters().items():
                    shapes[f"recurrent.{name}_l{number}{direction}"] = parameter.shape
        return shapes | self._score_shapes()

    def _score_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        if "attention" in self.pooling:
            shapes["attention.hidden.weight"] = (ATTENTION_SIZE, self.features)
            shapes["attention.hidden.bias"] = (ATTENTION_SIZE,)
            shapes["attention.score.weight"] = (1, ATTENTION_SIZE)
        linear = "head.linear" if self.head in ("crf", "ctc") else "head"
        shapes[f"{linear}.weight"] = (self.outputs, self.features * max(1, len(self.pooling)))
        shapes[f"{linear}.bias"] = (self.outputs,)
        if self.head == "crf":
            shapes["head.transitions"] = (self.outputs, self.outputs)
            shapes["head.start"] = shapes["head.end"] = (self.outputs,)
        if self.bag:
            shapes["bag.weight"] = (self.outputs, self.bag)
            shapes["bag.bias"] = (self.outputs,)
        return shapes


def _plain(value: Any) -> Any:
    """Tuples as lists, within each other."""
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
