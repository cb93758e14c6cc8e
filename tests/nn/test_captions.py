from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import caption_networks
import tolerances
from elman.data.captions import CaptionBatches
from elman.errors import DataError, SettingsError
from elman.nn.captions import CaptionNetwork
from elman.runtime.captions import CaptionEngine, describe
from elman.shapes import CaptionShape, DecoderShape, RegionShape

KINDS: dict[str, dict[str, Any]] = {
    "pictures": {},
    "lstm, general": {"cell": "lstm", "attention": "general"},
    "not fed": {"input_feeding": False},
    "regions": {"ready": True},
}


def network(of: CaptionShape, **options: Any) -> CaptionNetwork:
    made = CaptionNetwork(of, backend="reference", **options)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in caption_networks.tensors(of).items()})
    return made.eval()


def batch(kind: dict[str, Any]) -> tuple[CaptionBatches, list[np.ndarray], list[np.ndarray]]:
    model = caption_networks.model(**kind)
    some = caption_networks.examples(ready=kind.get("ready", False))
    pictures = [model.codec.encode(raw) for raw in some.inputs]
    captions = [np.array([1, 2]), np.array([3, 1, 4, 2]), np.array([5])]
    end = caption_networks.shape(**kind).decoder.end
    return CaptionBatches(pictures, [0, 1, 2], captions, end, 3, model.codec, seed=0), pictures, captions


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_parameters_are_those_of_the_shape(kind: dict[str, Any]) -> None:
    of = caption_networks.shape(**kind)
    assert {name: tuple(each.shape) for name, each in CaptionNetwork(of).state_dict().items()} == of.parameter_shapes()
    assert CaptionShape.from_dict(of.to_dict()) == of


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_engine_tells_what_the_network_learns(kind: dict[str, Any], backend: str) -> None:
    of = caption_networks.shape(**kind)
    made, (batches, pictures, captions) = network(of), batch(kind)
    engine = CaptionEngine(of, caption_networks.tensors(of), backend=backend)
    told = engine.told(pictures, captions)
    (all_rows,) = batches.scored()
    with torch.no_grad():
        written = made(all_rows)
        loss = made.loss(written, all_rows)
    nats = -sum(float(each.log_probabilities.sum()) for each in told)
    np.testing.assert_allclose(nats / sum(len(each) + 1 for each in captions), float(loss), rtol=1e-4)
    assert all_rows.ids is not None
    for place, row in enumerate(all_rows.ids.tolist()):
        steps, regions = told[row].attention.shape
        np.testing.assert_allclose(
            told[row].attention, written.attention[place, :steps, :regions].numpy(), **tolerances.NUMPY_AGAINST_TORCH
        )


def test_a_beam_that_keeps_all_finds_the_likeliest_caption() -> None:
    of = caption_networks.shape(symbols=3)
    engine = CaptionEngine(of, caption_networks.tensors(of), backend="reference")
    picture = caption_networks.model().codec.encode(caption_networks.raw(1)[0])
    every = [()] + [(a,) for a in range(2)] + [(a, b) for a in range(2) for b in range(2)]
    told = engine.told([picture] * len(every), [np.array(each, np.int64) for each in every])
    best = max(zip(every, told, strict=True), key=lambda pair: float(pair[1].log_probabilities.sum()))
    ((found,),) = describe([engine], [picture], 2, beam=8)
    assert tuple(found.symbols) == best[0]
    assert found.log_probability == pytest.approx(float(best[1].log_probabilities.sum()), abs=1e-4)


def test_every_caption_comes_once_in_an_epoch() -> None:
    made, _, _ = batch({})
    for epoch in range(2):
        rows = [int(row) for index in range(made.steps_in(epoch)) for row in made.batch(epoch, index).ids]  # type: ignore[union-attr]
        assert sorted(rows) == [0, 1, 2]
    assert torch.equal(made.batch(1, 0).inputs, made.batch(1, 0).inputs)
    with pytest.raises(DataError, match="Learning needs captions"):
        CaptionBatches([], [], [], 3, 1, caption_networks.model().codec, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame": (4, 4)}, "A picture is"),
        ({"frame": (4, 4, 3)}, "Pictures need convolutions"),
        ({"frame": (5,), "convolutions": ((8, 3, 2),), "own": (2, 2, 4)}, "ready neither"),
        ({"frame": (4, 4, 3), "own": (2, 4)}, r"\(rows, columns, features\), not \(2, 4\)"),
        ({"frame": (4, 4, 3), "convolutions": ((4, 3, 1),)}, "makes 4 features"),
        ({"frame": (4, 4, 3), "convolutions": ((7, 2, 1),)}, "odd width"),
    ],
)
def test_regions_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RegionShape(**{"memory": 7, **changes})
    with pytest.raises(SettingsError, match="expects regions of 5 features"):
        CaptionShape(RegionShape((5,), 7), DecoderShape(9, 5, "gru", (6,), memory=5, attentional_size=5))


def test_a_picture_of_another_size_is_refused() -> None:
    engine = caption_networks.model().engine()
    with pytest.raises(DataError, match=r"of the shape \(8, 6, 3\), found \(8, 8, 3\)"):
        engine.encoder.memory([np.zeros((8, 8, 3), np.float32)])
