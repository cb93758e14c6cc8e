from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from elman.codecs.raw import Frames, Picture, Series
from elman.data.examples import Examples
from elman.errors import BundleError, UsageError
from elman.tasks.caption import Captioner
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
    ("wrong", "message"),
    [
        (nn.Flatten(0), r"must make \(n, features\)"),
        (nn.Conv2d(2, 3, 2), r"must make \(n, features\) of frames \(2, 2, 6, 6\), found \(2, 3, 5, 5\)"),
        (nn.Linear(3, 2), "does not take frames"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(wrong: nn.Module, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Classifier(epochs=1).fit_examples(clips(), clips(), encoder=wrong)


def test_symbols_take_no_encoder() -> None:
    texts = Examples("text", ["a b", "b a", "a a"] * 4, ["x", "y", "x"] * 4, [str(n) for n in range(12)])
    with pytest.raises(UsageError, match="which are embedded"):
        Classifier(epochs=1, units="characters").fit_examples(texts, texts, encoder=nn.Linear(3, 2))


def pictures() -> tuple[list[Picture], list[str]]:
    bright = [number % 2 for number in range(12)]
    rng = np.random.default_rng(0)
    found = [Picture(rng.integers(120 * b, 120 + 120 * b, (8, 8, 3)).astype(np.uint8)) for b in bright]
    return found, [("it is dark", "it is bright")[b] for b in bright]


def halving() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3, 2, 1), nn.BatchNorm2d(5), nn.ReLU())


def test_regions_of_pictures_come_from_a_module_of_ones_own(tmp_path: Path) -> None:
    (seen, said), mine = pictures(), halving()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    model = Captioner(hidden_size=12, embedding_size=6, steps=120, learning_rate=0.02, dropout=0.0, threads=1)
    model.fit(seen, said, out=tmp_path / "model", encoder=mine)
    assert all((value == before[name]).all() for name, value in mine.state_dict().items()), "it is left as it was"
    assert model.model.shape.encoder.own == (4, 4, 5)
    assert model.predict(seen) == said
    assert model.subject(model.examples(seen, said), steps=3, batch=2).inputs.shape[:2] == (2, 3)

    again = Captioner.load(tmp_path / "model", encoder=halving())
    np.testing.assert_allclose(again.log_probabilities(seen, said[:2]), model.log_probabilities(seen, said[:2]))
    with pytest.raises(UsageError, match="give it as encoder"):
        Captioner.load(tmp_path / "model").predict(seen)
    with pytest.raises(BundleError, match="is not the one of this model"):
        Captioner.load(tmp_path / "model", encoder=nn.Conv2d(3, 4, 3))


def test_a_module_that_makes_no_regions_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\(n, features, rows, columns\) of frames \(2, 3, 8, 8\), found \(2, 192\)"):
        Captioner(steps=1).fit(*pictures(), encoder=nn.Flatten())
    regions = [Series(np.ones((2, 4))) for _ in range(12)]
    with pytest.raises(UsageError, match="regions that come ready"):
        Captioner(steps=1).fit(regions, pictures()[1], encoder=halving())
