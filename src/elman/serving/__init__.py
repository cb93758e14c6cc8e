"""A model that is talked to: the messages, one conversation, and the web server. No torch."""

from elman.serving.server import application, serve
from elman.serving.session import Session

__all__ = ["Session", "application", "serve"]
