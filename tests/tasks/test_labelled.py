"""What all tasks of labels share, seen through a small classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import elman
import labelled_examples
import small_models
from elman.data.examples import Examples
from elman.errors import BundleError, CheckpointError, DataError, SaveError, UsageError
from elman.runtime.bundle import Bundle
from elman.runtime.label_model import LabelModel
from elman.settings import flat
from elman.tasks import LABEL_TASKS, Classifier, Regressor, Tagger, load
from elman.tasks.label_report import recorded

SMALL: dict[str, Any] = {"hidden_size": 6, "embedding_size": 6, "batch_size": 16, "epochs": 2, "bag": False}

EXAMPLES = {"classify": labelled_examples.shapes, "tag": labelled_examples.tags, "regress": labelled_examples.numbers}


def weights(folder: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def sentences() -> Examples:
    return labelled_examples.texts(60)


@pytest.fixture(scope="module")
def run(sentences: Examples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier with its report, on a file of its own."""
    folder = tmp_path_factory.mktemp("labels")
    assert sentences.targets is not None
    lines = [f"{target}\t{text}" for target, text in zip(sentences.targets, sentences.inputs, strict=True)]
    (folder / "films.tsv").write_text("\n".join(["label\ttext", *lines]) + "\n", encoding="utf-8")
    Classifier(**{**SMALL, "bag": True, "test_share": 0.2}).fit(folder / "films.tsv", out=folder / "run")
    return folder / "run"


def test_a_run_leaves_a_model_with_its_report(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"model.safetensors", "config.json", "words.json", "bag.json", "report", "log.csv", "run"} <= names
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for part in ("held_out", "test"):
        assert set(metrics[part]) == {"model", "recurrent part alone", "bag of features", "feed-forward"}
        assert metrics[part]["model"]["accuracy"] > 0.9
    assert metrics["training"]["source"] == "films.tsv"
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "one of bad, good" in card
    assert "elman predict DIR DATA" in card


def test_evaluating_tells_of_both_parts_and_of_what_was_recorded(run: Path) -> None:
    model = load(run)
    assert isinstance(model, Classifier)
    figures = model.evaluate(run.parent / "films.tsv").figures["data"]
    assert list(figures) == ["model", "recurrent part alone", "bag part alone"]
    told = recorded(model.model.answers, model.metrics)
    assert told.startswith("When it was trained, accuracy on test data: model ")
    assert "bag of features" in told
    assert "feed-forward" in told
    assert recorded(model.model.answers, {"training": {}}) == ""


def test_either_part_is_told_as_it_was_before_they_were_joined(run: Path, sentences: Examples) -> None:
    model = load(run).model
    assert isinstance(model, LabelModel)
    assert model.shares is not None
    assert model.bag is not None
    steps = [model.codec.encode(raw) for raw in sentences.inputs]
    scores = np.stack(model.engine().scores(steps, model.bag.transform(sentences.inputs)))
    alone = np.stack(model.recurrent_alone(sentences.inputs)), model.bag_alone(sentences.inputs)
    # Of two classes the difference of scores is the log-odds, times the temperature.
    odds = [np.diff(np.log(part))[:, 0] * model.answers.temperature for part in alone]
    together = sum(share * part for share, part in zip(model.shares, odds, strict=True))
    np.testing.assert_allclose(together, np.diff(scores)[:, 0], rtol=1e-3, atol=1e-3)
    with pytest.raises(UsageError, match="no bag of features"):
        replace(model, bag=None).bag_alone(sentences.inputs)


def test_a_model_comes_back_as_it_was(run: Path, sentences: Examples, tmp_path: Path) -> None:
    model = load(run)
    assert isinstance(model, Classifier)
    assert model.settings.network.hidden_size == 6
    before = model.predict_proba(sentences.inputs)
    model.save(tmp_path / "copy")
    assert np.array_equal(Classifier.load(tmp_path / "copy").predict_proba(sentences.inputs), before)
    with pytest.raises(BundleError, match="task 'classify', not 'tag'"):
        Tagger.load(run)


def test_files_are_read_as_in_training(run: Path) -> None:
    model = Classifier.load(run)
    report = model.evaluate(run.parent / "films.tsv")
    assert report.figures["data"]["model"]["sequences"] == 60
    assert model.score(run.parent / "films.tsv") == report.figures["data"]["model"]["accuracy"]
    assert len(model.predict(run.parent / "films.tsv")) == 60


def test_a_damaged_bundle_of_labels_says_so(run: Path, tmp_path: Path) -> None:
    model = Classifier.load(run)
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    for name, damage, message in (
        ("answers", {"kind": "class", "names": ["a"], "temperature": 1.0}, "the network has 2 outputs"),
        ("answers", {"kind": "colour"}, "expected a description of answers"),
        ("codec", {"kind": "smell"}, "expected a codec"),
        ("bag", {"kind": "smell"}, "expected a bag of features"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, name: damage}), encoding="utf-8")
        with pytest.raises(BundleError, match=message):
            Bundle.read(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = weights(tmp_path)
    tensors["head.bias"] += 1
    (tmp_path / "model.safetensors").write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(BundleError, match="does not give its recorded output"):
        Bundle.read(tmp_path)


@pytest.mark.parametrize("task", LABEL_TASKS)
def test_two_runs_with_one_seed_give_the_same_bits(task: str) -> None:
    options = {name: value for name, value in SMALL.items() if name != "bag"}
    models = [LABEL_TASKS[task](**options, seed=seed).fit_examples(EXAMPLES[task](30)).model for seed in (0, 0, 1)]
    first, second, third = (model.tensors for model in models)
    assert all(np.array_equal(value, second[name]) for name, value in first.items())
    assert not np.array_equal(first["head.bias"], third["head.bias"])


def test_a_resumed_run_ends_with_the_bits_of_one_that_never_stopped(tmp_path: Path) -> None:
    train = labelled_examples.shapes(40)
    options = {**SMALL, "epochs": None, "steps": 12, "checkpoint_every": 0, "evaluate_every": 5}
    Classifier(**options).fit_examples(train, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        Classifier(**options).fit_examples(train, out=tmp_path / "cut", callbacks=[small_models.StopAt(7)])
    Classifier(**options).fit_examples(train, out=tmp_path / "cut", resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)
    with pytest.raises(CheckpointError, match="other data"):
        Classifier(**options).fit_examples(labelled_examples.shapes(39), out=tmp_path / "cut", resume=True)
    with pytest.raises(UsageError, match="--resume goes on with hidden_size = 6"):
        Classifier(hidden_size=7).fit_examples(train, out=tmp_path / "cut", resume=True)
    with pytest.raises(SaveError, match="is in use"):
        Classifier(**options).fit_examples(train, out=tmp_path / "cut")


def test_resuming_needs_a_folder() -> None:
    with pytest.raises(UsageError, match="resume needs the folder"):
        Classifier().fit_examples(labelled_examples.shapes(20), resume=True)


def test_a_model_starts_from_a_language_model(sentences: Examples, tmp_path: Path) -> None:
    start = small_models.bundle(tmp_path / "start", "characters", "lstm")
    model = Classifier(steps=1, learning_rate=0.0, weight_decay=0.0, batch_size=16, bag=False)
    model.fit_examples(sentences, start_from=start)
    own = weights(start)
    assert model.model.shape.hidden_sizes == (9, 7)
    assert np.array_equal(model.model.tensors["embedding.0.weight"], own["embedding.weight"])
    assert np.array_equal(model.model.tensors["recurrent.weight_hh_l1"], own["recurrent.weight_hh_l1"])
    assert model.model.codec.encode("The").values[:, 0].tolist() == small_models.codec().encode("The").tolist()
    with pytest.raises(UsageError, match="--from goes on with cell = lstm"):
        Classifier(cell="gru").fit_examples(sentences, start_from=start)
    with pytest.raises(BundleError, match="is not a folder"):
        Classifier().fit_examples(sentences, start_from=tmp_path / "nothing")


def test_only_a_language_model_is_a_start(run: Path, sentences: Examples) -> None:
    with pytest.raises(BundleError, match="task 'classify'; a language model is needed here"):
        Classifier().fit_examples(sentences, start_from=run)


def test_probabilities_are_calibrated_on_held_out_sequences() -> None:
    train, valid = labelled_examples.shapes(40), labelled_examples.shapes(40, seed=1)
    assert valid.targets is not None
    wrong = [{"up": "down", "down": "up"}[str(target)] for target in valid.targets[:12]]
    valid = replace(valid, targets=[*wrong, *valid.targets[12:]])  # who is always sure is too sure now
    model = Classifier(**{**SMALL, "epochs": 8, "learning_rate": 0.02}).fit_examples(train, valid)
    cooled = model.model.answers
    assert cooled.temperature != 1
    held_out = model.metrics["held_out"]["model"]
    raw = np.stack(model.model.engine().scores([model.model.codec.encode(x) for x in valid.inputs]))
    truth = np.array([cooled.encode(target) for target in valid.targets])

    def log_loss(temperature: float) -> float:
        outputs = cooled.with_temperature(temperature).outputs(raw)
        return float(-np.log(outputs[np.arange(len(truth)), truth]).mean())

    assert held_out["log_loss"] == pytest.approx(log_loss(cooled.temperature), rel=1e-4)
    assert log_loss(cooled.temperature) < log_loss(1.0)


def test_rare_classes_weigh_more_where_asked() -> None:
    from elman.runtime.answers import Answers
    from elman.tasks.labelled_training import class_weights

    targets = ["a"] * 30 + ["b"] * 10
    answers = Answers.fit("class", targets)
    assert class_weights(answers, [answers.encode(each) for each in targets], "balanced") == pytest.approx([2 / 3, 2])
    assert class_weights(answers, [], "none") is None


def test_without_held_out_sequences_the_last_weights_stay() -> None:
    model = Classifier(**SMALL, held_out=0).fit_examples(labelled_examples.shapes(20))
    assert set(model.metrics) == {"training"}
    assert model.report is None
    assert model.model.answers.temperature == 1


def test_an_untrained_model_says_so() -> None:
    with pytest.raises(UsageError, match="has not been trained"):
        Classifier().predict(["a"])


def test_learning_without_targets_is_refused() -> None:
    known = labelled_examples.shapes(10)
    with pytest.raises(DataError, match="found sequences alone"):
        Classifier().fit_examples(Examples(known.kind, known.inputs, None, known.names))


def test_names_are_at_the_front_door() -> None:
    assert (elman.Classifier, elman.Tagger, elman.Regressor) == (Classifier, Tagger, Regressor)
    assert set(flat(Tagger.Settings())) - set(flat(Regressor.Settings())) == {"crf"}
