"""What networks are made of, without a weight and without torch: all that a model folder says of its network."""

from elman.shapes.captions import CaptionShape, RegionShape
from elman.shapes.forecast import ForecastShape
from elman.shapes.labels import ATTENTION_SIZE, HEADS, POOLS, Convolution, LabelShape, Plane
from elman.shapes.pairs import ATTENTIONS, DecoderShape, EncoderShape, PairShape
from elman.shapes.transducer import TransducerShape

__all__ = [
    "ATTENTIONS",
    "ATTENTION_SIZE",
    "HEADS",
    "POOLS",
    "CaptionShape",
    "Convolution",
    "DecoderShape",
    "EncoderShape",
    "ForecastShape",
    "LabelShape",
    "PairShape",
    "Plane",
    "RegionShape",
    "TransducerShape",
]
