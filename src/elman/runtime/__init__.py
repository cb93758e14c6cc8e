"""Running a saved model without torch: the bundle it is read from, the engine that steps it, the live stream."""

from elman.runtime.backends import State
from elman.runtime.bundle import Bundle
from elman.runtime.engine import Engine, NetworkShape
from elman.runtime.layer_stream import LayerStream
from elman.runtime.stream import Stream
from elman.runtime.text_model import TextModel

__all__ = ["Bundle", "Engine", "LayerStream", "NetworkShape", "State", "Stream", "TextModel"]
