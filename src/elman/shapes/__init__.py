"""What networks are made of, without a weight and without torch: all that a model folder says of its network."""

from elman.shapes.labels import ATTENTION_SIZE, HEADS, POOLS, Convolution, LabelShape
from elman.shapes.transducer import TransducerShape

__all__ = ["ATTENTION_SIZE", "HEADS", "POOLS", "Convolution", "LabelShape", "TransducerShape"]
