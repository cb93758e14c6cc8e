"""Functions that torch.compile calls once and does not look into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def constant_result(function: Function) -> Function:
    """Mark a function of settings and types, whose result a graph may hold as a constant.

    ``torch.compiler.assume_constant_result`` sets the same mark, and imports the whole compiler to do so.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
