from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import label_networks
import tolerances
from elman.errors import DataError
from elman.nn.subject import Subject
from elman.tasks.label_subject import subject, subject_of
from elman.tasks.labelled_training import build


def look(answer: str = "class", steps: int = 20, batch: int = 2, **changes: Any) -> Subject:
    return subject(*label_networks.model(answer, **changes), steps=steps, batch=batch, title="model")


@pytest.mark.parametrize("answer", label_networks.TARGETS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_kind_of_answer_has_a_loss_after_every_step(answer: str, bidirectional: bool) -> None:
    of = look(answer, bidirectional=bidirectional)
    assert (of.batch, of.time) == (2, 20)
    outputs, _, _ = of.run()
    assert of.counts.all()
    assert of.loss_of(outputs).shape == (2, 20)
    assert (of.answers == ()) == (answer == "numbers")
    assert "".join(of.labels[0]).replace("␣", " ") == label_networks.TEXT[:20]


def test_what_it_says_after_the_last_step_is_what_the_model_says() -> None:
    model, examples = label_networks.model(pooling=("last",))
    of = subject(model, examples, steps=20, batch=1, title="model")
    steps = model.codec.encode(examples.inputs[0][:20])
    expected = model.engine().scores([steps])[0]
    found = of.readout(of.run()[0])[0, -1].detach().numpy()
    np.testing.assert_allclose(found, expected, **tolerances.NUMPY_AGAINST_TORCH)


def test_tags_are_those_of_each_step_and_unknown_ones_do_not_count() -> None:
    model, examples = label_networks.model("tags", head="crf")
    assert examples.targets is not None
    first = ("?", *examples.targets[0][1:])  # type: ignore[misc, index]
    of = subject(model, replace(examples, targets=[first, *examples.targets[1:]]), 20, 4, "model")
    assert of.counts.sum(1).tolist() == [19, 20, 20, 20]
    assert [of.answers[tag] for tag in of.targets[1].tolist()] == list(examples.targets[1][:20])  # type: ignore[index]


def test_of_several_labels_the_most_even_one_is_asked_for() -> None:
    of = look("classes", batch=4)
    assert of.answers == ("not fine", "fine")
    assert of.targets[:, 0].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("hidden_sizes", [(5,), (5, 4)])
def test_the_forward_direction_is_that_of_the_network(hidden_sizes: tuple[int, ...]) -> None:
    model, examples = label_networks.model("tags", bidirectional=True, hidden_sizes=hidden_sizes)
    of = subject(model, examples, steps=20, batch=1, title="model")
    outputs = of.run()[0]
    whole = model.engine()._both_directions(  # what the engine makes of it before the head
        model.codec.encode(examples.inputs[0][:20]).values[:, None], np.array([20]), None, model.engine()._start(1)
    )[0]
    size = hidden_sizes[-1]
    np.testing.assert_allclose(outputs[0].detach().numpy(), whole[:, 0, :size], **tolerances.NUMPY_AGAINST_TORCH)
    assert "forward direction" in of.title


def test_convolutions_leave_every_few_steps() -> None:
    of = look(convolutions=((6, 3, 2), (5, 3, 2)))
    assert of.time == 5
    assert "".join(of.labels[0]).replace("␣", " ") == label_networks.TEXT[:20:4]


def test_a_network_that_is_trained_is_left_as_it_is() -> None:
    model, examples = label_networks.model()
    network = build(model.shape, model.tensors, dropout_input=0.5).train()
    of = subject_of(network, model, examples, steps=20, batch=2, title="model")
    expected = subject(model, examples, steps=20, batch=2, title="model")
    assert torch.equal(of.inputs, expected.inputs)
    assert network.training
    with torch.no_grad():
        network.head.bias.add_(1)
    assert torch.equal(of.loss_of(of.run()[0]), expected.loss_of(expected.run()[0]))


def test_gradients_of_what_it_says_flow() -> None:
    of = look("numbers")
    inputs = of.inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(of.mean_loss(of.run(inputs)[0]), inputs)
    assert gradient.abs().sum() > 0


def test_what_cannot_be_looked_at_is_refused() -> None:
    model, examples = label_networks.model()
    with pytest.raises(DataError, match="of which is known what the model is to say"):
        subject(model, replace(examples, targets=None), 20, 2, "model")
    with pytest.raises(DataError, match="at least 2 steps"):
        subject(model, replace(examples, inputs=["a"] * 4), 20, 2, "model")
