from __future__ import annotations

import pytest
import torch
from torch import nn

import caption_networks
from elman.data import SequenceBatch
from elman.nn.captions import CaptionNetwork
from elman.nn.labels import LabelNetwork
from elman.nn.normed import EPSILON, NormedConv1d, NormedConv2d, folded
from elman.nn.planes import plane_layers, through_planes
from elman.shapes import LabelShape, Plane


def learnt(network: nn.Module) -> nn.Module:
    """A network whose norms are as after some training."""
    rng = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, (NormedConv1d, NormedConv2d)):
            for value in (layer.norm_weight.data, layer.norm_variance):
                value.uniform_(0.5, 2, generator=rng)
            for value in (layer.norm_bias.data, layer.norm_mean):
                value.normal_(generator=rng)
    return network.eval()


def test_in_training_each_channel_has_mean_zero_and_deviation_one() -> None:
    torch.manual_seed(0)
    maps = NormedConv2d(3, 4, 3)(5 + 2 * torch.randn(6, 3, 9, 9))
    torch.testing.assert_close(maps.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(maps.var((0, 2, 3), correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_statistics_are_stored_and_used_in_evaluation() -> None:
    torch.manual_seed(0)
    layer, pictures = NormedConv2d(2, 3, 3), torch.randn(16, 2, 8, 8)
    for _ in range(200):
        layer(pictures)
    plain = nn.functional.conv2d(pictures, layer.weight, layer.bias)
    expected = nn.functional.batch_norm(plain, None, None, training=True, eps=EPSILON)
    torch.testing.assert_close(layer.eval()(pictures), expected, atol=1e-2, rtol=0)


def test_folded_a_caption_network_has_the_weights_of_its_shape() -> None:
    of = caption_networks.shape()
    normed = learnt(CaptionNetwork(of, normed=True, backend="reference"))
    plain = CaptionNetwork(of, backend="reference").eval()
    weights = folded(normed)
    assert {name: tuple(value.shape) for name, value in weights.items()} == of.parameter_shapes()
    plain.load_state_dict(weights)
    pictures = torch.randn(2, *of.encoder.frame)
    torch.testing.assert_close(plain.encoder(pictures), normed.get_submodule("encoder")(pictures))


def test_padding_is_not_measured() -> None:
    torch.manual_seed(0)
    layer, plain = NormedConv1d(2, 3, 1), NormedConv1d(2, 3, 1)
    plain.load_state_dict(layer.state_dict())
    series, valid = torch.randn(2, 2, 6), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    rows = torch.cat([series[0], series[1, :, :4]], 1)[None]
    found = layer(series, valid)
    torch.testing.assert_close(torch.cat([found[0], found[1, :, :4]], 1)[None], plain(rows))
    assert not found[1, :, 4:].any()
    torch.testing.assert_close(layer.norm_mean, plain.norm_mean)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_folded_labels_give_the_same_with_padding_and_without(bidirectional: bool) -> None:
    of = LabelShape(
        "softmax", 3, "gru", (4,), frame=(2,), convolutions=((5, 3, 2), (4, 3, 1)), bidirectional=bidirectional,
        pooling=("mean",),
    )  # fmt: skip
    normed, plain = learnt(LabelNetwork(of, normed=True)), LabelNetwork(of).eval()
    plain.load_state_dict(folded(normed))
    series = torch.randn(2, 9, 2)
    batch = SequenceBatch(inputs=series, lengths=torch.tensor([9, 5]))
    torch.testing.assert_close(plain(batch), normed(batch))
    torch.testing.assert_close(normed(batch)[1:], normed(SequenceBatch(inputs=series[1:, :5])))


def test_folded_planes_give_the_same() -> None:
    planes = [Plane(4, 3, 3, 2, 2), Plane(5, 3, 3)]
    normed, plain = learnt(plane_layers(planes, normed=True)), plane_layers(planes)
    plain.load_state_dict(folded(normed))
    frames, lengths = torch.randn(2, 11, 6), torch.tensor([11, 7])
    both = [through_planes(layers.children(), planes, frames, lengths, True)[0] for layers in (normed, plain)]
    torch.testing.assert_close(*both)
