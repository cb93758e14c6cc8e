"""A model that is talked to: the messages, and one conversation. No torch."""

from elman.serving.session import Session

__all__ = ["Session"]
