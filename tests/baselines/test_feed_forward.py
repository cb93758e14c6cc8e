from __future__ import annotations

import numpy as np
import pytest
import torch

import labelled_examples as made
from elman.baselines import feed_forward
from elman.baselines.feed_forward import FeedForward, FeedForwardNetwork
from elman.codecs.registry import codec_for
from elman.codecs.sequence import Steps
from elman.data.examples import Examples
from elman.data.labelled import make_batch
from elman.runtime.answers import Answers
from elman.settings import InputSettings, TrainingSettings

ONE_THREAD = TrainingSettings(threads=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_forward, "MOST", 15)
    monkeypatch.setattr(feed_forward, "BATCH", 8)


def fitted(kind: str, train: Examples, valid: Examples) -> FeedForward:
    assert train.targets is not None
    codec = codec_for(train.kind, train.inputs, InputSettings())
    return FeedForward.fit(Answers.fit(kind, train.targets), train, valid, codec, training=ONE_THREAD)


def test_classes_of_sentences_and_the_same_twice() -> None:
    test = made.texts(40, 2)
    first = fitted("class", made.texts(60), made.texts(20, 1)).outputs(test)
    assert ([["bad", "good"][row.argmax()] for row in first]) == list(test.targets or ())
    second = fitted("class", made.texts(60), made.texts(20, 1)).outputs(test)
    assert (first == second).all()


def test_tags_see_the_steps_around() -> None:
    test = made.tags(20, 2)
    outputs = fitted("tags", made.tags(50), made.tags(10, 1)).outputs(test)
    names = ("B-city", "I-city", "O")
    assert [tuple(names[tag] for tag in row.argmax(1)) for row in outputs] == list(test.targets or ())


def test_series_of_one_length_are_seen_as_a_whole() -> None:
    model = fitted("numbers", made.numbers(200), made.numbers(40, 2))
    assert model.network.radius is None
    test = made.numbers(50, 1)
    truth = np.stack([np.asarray(target) for target in test.targets or ()])
    assert np.std(model.outputs(test) - truth) < 0.5 * np.std(truth)


def test_series_of_different_lengths_by_windows() -> None:
    model = fitted("class", made.shapes(60), made.shapes(20, 2))
    assert model.network.radius == 2
    test = made.shapes(30, 1)
    right = [["down", "up"][row.argmax()] for row in model.outputs(test)]
    assert np.mean([a == b for a, b in zip(right, test.targets or (), strict=True)]) > 0.9


def test_sets_of_labels() -> None:
    outputs = fitted("classes", made.sets(60), made.sets(20, 1)).outputs(made.sets(7, 2))
    assert outputs.shape == (7, 3)
    assert ((outputs > 0) & (outputs < 1)).all()


@pytest.mark.parametrize("each_step", [False, True])
def test_padding_changes_nothing(each_step: bool) -> None:
    torch.manual_seed(0)
    network = FeedForwardNetwork((), 3, 2, radius=2, each_step=each_step).eval()
    network.mean += 1.0
    rng = np.random.default_rng(0)
    short, long = (Steps(rng.normal(size=(time, 3)).astype(np.float32)) for time in (4, 9))
    alone = network(make_batch([short]))
    beside = network(make_batch([short, long]))[:1]
    torch.testing.assert_close(beside[:, :4] if each_step else beside, alone)


def test_it_knows_nothing_beyond_its_window() -> None:
    network = FeedForwardNetwork((), 1, 2, radius=1, each_step=True).eval()
    steps = np.zeros((9, 1), np.float32)
    before = network(make_batch([Steps(steps)]))
    steps[0] = 5
    after = network(make_batch([Steps(steps)]))
    assert (before[0, :2] != after[0, :2]).all()
    assert (before[0, 2:] == after[0, 2:]).all()


def test_a_sequence_of_another_length_is_cut_or_filled_with_zeros() -> None:
    network = FeedForwardNetwork((), 1, 2, radius=None, length=3).eval()
    longer = network(make_batch([Steps(np.array([[1.0], [2.0], [3.0], [4.0]]))]))
    torch.testing.assert_close(longer, network(make_batch([Steps(np.array([[1.0], [2.0], [3.0]]))])))
    shorter = network(make_batch([Steps(np.array([[1.0]]))]))
    torch.testing.assert_close(shorter, network(make_batch([Steps(np.array([[1.0], [0.0], [0.0]]))])))


def test_pictures_are_averaged_to_few_pixels() -> None:
    frames = torch.ones(2, 3, 40, 30, 1)
    assert feed_forward.flat_frames(frames).shape == (2, 3, 256)
