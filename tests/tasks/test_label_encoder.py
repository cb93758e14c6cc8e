from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from elman.codecs.raw import Frames
from elman.data.examples import Examples
from elman.errors import BundleError, UsageError
from elman.tasks.classify import Classifier


def clips() -> Examples:
    rng = np.random.default_rng(0)
    bright = [number % 2 for number in range(12)]
    inputs = [Frames(rng.integers(90 * b, 120 + 90 * b, (5, 6, 6, 1)).astype(np.uint8)) for b in bright]
    return Examples("frames", inputs, [("dark", "bright")[b] for b in bright], [f"clip {n}" for n in range(12)])


def encoder(features: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, features))


def test_a_module_of_ones_own_is_trained_along_and_given_again(tmp_path: Path) -> None:
    examples, mine = clips(), encoder()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    model = Classifier(cell="gru", hidden_size=4, epochs=2, bidirectional=False, device="cpu", threads=1)
    model.fit_examples(examples, examples, encoder=mine)
    assert all((value == before[name]).all() for name, value in mine.state_dict().items()), "it is left as it was"
    expected = model.predict_proba(examples)
    assert model.model.shape.encoder == 3
    assert model.subject(examples, steps=5, batch=2).inputs.shape == (2, 5, 3)
    model.save(tmp_path / "model")

    again = encoder()
    np.testing.assert_allclose(Classifier.load(tmp_path / "model", encoder=again).predict_proba(examples), expected)
    assert not (again.state_dict()["0.weight"] == before["0.weight"]).all()
    with pytest.raises(UsageError, match="give it as encoder"):
        Classifier.load(tmp_path / "model").predict_proba(examples)
    with pytest.raises(BundleError, match="is not the one of this model"):
        Classifier.load(tmp_path / "model", encoder=encoder(4))


@pytest.mark.parametrize(
    ("wrong", "message"), [(nn.Flatten(0), r"must make \(n, features\)"), (nn.Linear(3, 2), "does not take frames")]
)
def test_a_module_that_does_not_fit_is_refused(wrong: nn.Module, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Classifier(epochs=1).fit_examples(clips(), clips(), encoder=wrong)


def test_symbols_take_no_encoder() -> None:
    texts = Examples("text", ["a b", "b a", "a a"] * 4, ["x", "y", "x"] * 4, [str(n) for n in range(12)])
    with pytest.raises(UsageError, match="which are embedded"):
        Classifier(epochs=1, units="characters").fit_examples(texts, texts, encoder=nn.Linear(3, 2))
