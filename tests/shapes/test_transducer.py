from __future__ import annotations

import json
from typing import Any

import pytest

import transducers
from elman.errors import BundleError, SettingsError
from elman.shapes import TransducerShape


@pytest.mark.parametrize("changes", transducers.SHAPES.values(), ids=transducers.SHAPES)
def test_what_is_written_is_read(changes: dict[str, Any]) -> None:
    of = transducers.shape(**changes)
    assert TransducerShape.from_dict(json.loads(json.dumps(of.to_dict()))) == of
    assert of.lookahead == (None if of.encoder.bidirectional else 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": {"head": "linear"}}, "needs the head 'features', not 'linear'"),
        ({"symbols": 0}, "at least one symbol"),
        ({"hidden_sizes": ()}, "one layer of its prediction network"),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        transducers.shape(**changes)


def test_what_is_no_transducer() -> None:
    values = transducers.shape().to_dict()
    for damaged in ({}, {**values, "symbols": -1}, {**values, "more": 1}, {**values, "encoder": {"head": "features"}}):
        with pytest.raises(BundleError, match=r"'network' does not describe a (transducer|network)"):
            TransducerShape.from_dict(damaged)
