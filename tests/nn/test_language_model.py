from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError
from elman.nn.language_model import LanguageModelNetwork
from tolerances import FLOAT32_RECURRENCE


def network(**options: Any) -> LanguageModelNetwork:
    torch.manual_seed(0)
    return LanguageModelNetwork(50, **{"embedding_size": 8, "hidden_sizes": [12, 8]} | options)


def test_names_and_shapes_are_the_bundles() -> None:
    shapes = {name: tuple(value.shape) for name, value in network(learn_initial_state=True).state_dict().items()}
    assert shapes["embedding.weight"] == (50, 8)
    assert shapes["recurrent.weight_ih_l0"] == (48, 8)
    assert shapes["recurrent.initial_hidden_l0"] == (12,)
    assert shapes["softmax.weight"] == (50, 8)
    assert shapes["softmax.bias"] == (50,)


def test_tied_weights_are_one_parameter() -> None:
    tied = network(tie_weights=True)
    assert "softmax.weight" not in tied.state_dict()
    output = tied.eval()(torch.randint(50, (2, 5)))
    expected = output.dropped @ tied.embedding.weight.T + tied.softmax.bias
    torch.testing.assert_close(output.logits, expected, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


def test_tied_weights_need_equal_sizes() -> None:
    with pytest.raises(SettingsError, match="tie_weights needs a last layer of embedding_size 8, not 12"):
        network(tie_weights=True, hidden_sizes=[12])


@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_first_guess_is_near_uniform(tie_weights: bool) -> None:
    ids = torch.randint(50, (4, 20))
    logits = network(tie_weights=tie_weights).eval()(ids).logits.detach()
    loss = F.cross_entropy(logits.flatten(0, 1), torch.randint(50, (80,)))
    assert abs(float(loss) - math.log(50)) < 0.1 * math.log(50)


def test_windows_with_carried_state_are_the_whole() -> None:
    model, ids = network().eval(), torch.randint(50, (2, 9))
    whole = model(ids)
    first = model(ids[:, :4])
    second = model(ids[:, 4:], first.state)
    logits = torch.cat([first.logits, second.logits], 1)
    torch.testing.assert_close(logits, whole.logits, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


def test_a_reset_forgets_the_document_before() -> None:
    model, ids = network(learn_initial_state=True).eval(), torch.randint(50, (2, 9))
    resets = torch.zeros(2, 9, dtype=torch.bool)
    resets[:, 4] = True
    found, alone = model(ids, resets=resets).logits[:, 4:], model(ids[:, 4:]).logits
    torch.testing.assert_close(found, alone, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


def test_dropout_acts_in_training_only() -> None:
    model = network(dropout=0.3, dropout_input=0.3, dropout_words=0.3, weight_drop=0.3)
    ids = torch.randint(50, (2, 9))
    output = model(ids)
    assert not torch.equal(output.raw, output.dropped)
    assert not torch.equal(output.logits, model(ids).logits)
    model.eval()
    assert torch.equal(model(ids).logits, model(ids).logits)


@pytest.mark.parametrize("cell", ["rnn", "gru", "gru_before"])
def test_every_parameter_learns(cell: str) -> None:
    model = network(cell=cell, tie_weights=True, weight_drop=0.2, learn_initial_state=True)
    model(torch.randint(50, (2, 9))).logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
