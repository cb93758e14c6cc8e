from __future__ import annotations

import json
from typing import Any

import pytest

import pair_networks
from elman.errors import BundleError, SettingsError
from elman.shapes import PairShape


@pytest.mark.parametrize("changes", pair_networks.DECODERS.values(), ids=pair_networks.DECODERS)
def test_a_shape_goes_through_json(changes: dict[str, Any]) -> None:
    of = pair_networks.shape(**changes)
    assert PairShape.from_dict(json.loads(json.dumps(of.to_dict()))) == of


def test_the_end_is_the_last_symbol() -> None:
    assert pair_networks.shape().decoder.end == 8


def test_a_shared_embedding_is_there_once() -> None:
    names = pair_networks.shape(shared=True, tied=True).parameter_shapes()
    assert [name for name in names if "embedding" in name or "output" in name] == [
        "decoder.embedding.weight", "decoder.output.bias",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "generel"}, "Did you mean 'general'"),
        ({"attention": "dot", "hidden_sizes": (4,)}, "compares 4 units of the decoder with 6 features"),
        ({"tied": True, "attentional_size": 4}, "5, as of what it is told from, 4"),
        ({"tied": True, "hidden_sizes": (6, 4)}, "5, as of what it is told from, 4"),
        ({"symbols": 1}, "two symbols"),
        ({"hidden_sizes": ()}, "at least one recurrent layer"),
        ({"memory": 5}, "expects a memory of 5 features, the encoder makes 6"),
        ({"shared": True, "encoder": {"symbols": 10}}, r"\(10, 5\) and \(9, 5\)"),
        ({"encoder": {"hidden_sizes": ()}}, "one recurrent layer"),
        ({"encoder": {"cell": "gur"}}, "no cell 'gur'"),
        ({"cell": "lstm_batch_norm"}, "one at a time"),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        pair_networks.shape(**changes)


@pytest.mark.parametrize("values", [{}, {"encoder": {}, "decoder": {}}, {"encoder": 3}])
def test_damaged_values_are_no_network(values: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="does not describe a network"):
        PairShape.from_dict(values)
