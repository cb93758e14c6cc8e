from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import elman
import small_models
import tolerances
from elman.errors import BundleError, CheckpointError, DataError, SaveError, SettingsError, UsageError
from elman.tasks import language_model
from elman.tasks.language_model import LanguageModel, TextData
from elman.tasks.language_model_training import Objective, build, score_texts
from elman.training.problem import Loss

TEXT = "".join(f"{i} and {i} make {2 * i}.\n" for i in range(150))

#: Small and settled, so that no test measures the machine.
SMALL: dict[str, Any] = {
    "hidden_size": 12, "num_layers": 2, "batch_size": 4, "window": 10, "threads": 1, "precision": "32", "dropout": 0.2,
}  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def trained(tmp_path: Path) -> LanguageModel:
    return LanguageModel.load(small_models.bundle(tmp_path / "trained"))


def weights(folder: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(folder / "model.safetensors")


def test_it_learns_and_beats_chance(book: Path) -> None:
    model = LanguageModel(steps=150, learning_rate=0.02, **SMALL).fit(book)
    figures = model.metrics["held_out"]["model"]
    assert figures["nats_per_symbol"] < 0.8 * np.log(len(model.codec))
    assert figures["perplexity"] == pytest.approx(np.exp(figures["nats_per_symbol"]))


def test_two_runs_with_one_seed_give_the_same_bits(book: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        LanguageModel(steps=12, seed=3, **SMALL).fit(book, out=tmp_path / name)
    first, second = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    LanguageModel(steps=12, seed=4, **SMALL).fit(book, out=tmp_path / "c")
    assert not np.array_equal(weights(tmp_path / "c")["softmax.bias"], first["softmax.bias"])


@pytest.mark.parametrize("step", [1, 17, 39])
def test_a_resumed_run_ends_with_the_bits_of_one_that_never_stopped(step: int, book: Path, tmp_path: Path) -> None:
    options = {**SMALL, "steps": 40, "batch_size": 8, "window": 20, "weight_drop": 0.2, "checkpoint_every": 0}
    LanguageModel(**options).fit(book, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        LanguageModel(**options).fit(book, out=tmp_path / "cut", callbacks=[small_models.StopAt(step)])
    LanguageModel(**options).fit(book, out=tmp_path / "cut", resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


def test_resuming_with_another_text_or_option_is_refused(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=2, **SMALL).fit(book, out=tmp_path / "run")
    with pytest.raises(UsageError, match="--resume goes on with cell = lstm"):
        LanguageModel(cell="gru").fit(book, out=tmp_path / "run", resume=True)
    book.write_text(TEXT + "more", encoding="utf-8")
    with pytest.raises(CheckpointError, match="was trained on other data"):
        LanguageModel().fit(book, out=tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match="holds no run to resume"):
        LanguageModel().fit(book, out=tmp_path / "other", resume=True)


def test_a_run_killed_before_its_first_checkpoint_can_be_resumed(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=3, **SMALL).fit(book, out=tmp_path / "whole")
    LanguageModel(steps=3, **SMALL).fit(book, out=tmp_path / "cut")
    for file in [*(tmp_path / "cut").rglob("*")]:
        if file.is_file() and file.parent.name != "run":
            file.unlink()
    LanguageModel().fit(book, out=tmp_path / "cut", resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


def test_a_resumed_run_measures_nothing(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LanguageModel(steps=2, **{**SMALL, "threads": "auto", "precision": "auto"}).fit(book, out=tmp_path / "run")
    for module in ("elman.tasks.training_run", "elman.training.loop"):
        monkeypatch.setattr(f"{module}.measure", None)
    LanguageModel(steps=4).fit(book, out=tmp_path / "run", resume=True)


def test_resuming_needs_a_folder(book: Path) -> None:
    with pytest.raises(UsageError, match="needs the folder"):
        LanguageModel(steps=2, **SMALL).fit(book, resume=True)


def test_resuming_with_a_new_limit_goes_further(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=3, **SMALL).fit(book, out=tmp_path / "run")
    model = LanguageModel(steps=8).fit(book, out=tmp_path / "run", resume=True)
    assert model.metrics["training"]["steps"] == 8


def test_starting_from_an_earlier_model_takes_its_weights_and_symbols(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=60, **SMALL).fit(book, out=tmp_path / "first")
    fresh = LanguageModel(steps=1, **SMALL).fit(book)
    second = LanguageModel(steps=1, threads=1, precision="32").fit(book, start_from=tmp_path / "first")
    assert second.shape == LanguageModel.load(tmp_path / "first").shape
    assert second.score(TEXT).nats_per_symbol < fresh.score(TEXT).nats_per_symbol


def test_a_start_from_an_earlier_model_is_killed_before_its_first_checkpoint(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=5, **SMALL).fit(book, out=tmp_path / "first")
    options = {"steps": 3, "threads": 1, "precision": "32"}
    for name in ("whole", "cut"):
        LanguageModel(**options).fit(book, out=tmp_path / name, start_from=tmp_path / "first")
    (tmp_path / "cut" / "checkpoint" / "state.safetensors").unlink()
    LanguageModel().fit(book, out=tmp_path / "cut", resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


def test_a_start_from_an_earlier_model_keeps_its_symbols_and_sizes(book: Path, tmp_path: Path) -> None:
    LanguageModel(steps=1, cell="gru", codec="words", lowercase=True, **SMALL).fit(book, out=tmp_path / "first")
    options = {"steps": 1, "threads": 1, "precision": "32"}
    model = LanguageModel(**options).fit(book, out=tmp_path / "second", start_from=tmp_path / "first")
    settings = model.settings
    assert (settings.text.codec, settings.text.lowercase) == ("words", True)
    assert (settings.network.cell, settings.network.hidden_size, settings.network.num_layers) == ("gru", 12, 2)
    for option, value in {"hidden_size": 13, "codec": "bytes", "learn_initial_state": True}.items():
        with pytest.raises(UsageError, match=f"--from goes on with {option} = "):
            LanguageModel(**options, **{option: value}).fit(book, start_from=tmp_path / "first")


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
def test_every_codec_trains_saves_and_writes(kind: str, book: Path, tmp_path: Path) -> None:
    model = LanguageModel(codec=kind, vocabulary_size=300, steps=3, **SMALL).fit(book, out=tmp_path / "run")
    loaded = elman.load(tmp_path / "run")
    assert loaded.generate("12 and", 20, seed=1) == model.generate("12 and", 20, seed=1)
    assert loaded.score(TEXT).bits_per_character == pytest.approx(model.score(TEXT).bits_per_character)


@pytest.mark.parametrize("cell", ["lstm_batch_norm", "jordan"])
def test_any_cell_trains_resumes_and_is_saved(cell: str, book: Path, tmp_path: Path) -> None:
    """Statistics of batch norms too, which are no weights."""
    options = {**SMALL, "steps": 6, "cell": cell}
    LanguageModel(**options).fit(book, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        LanguageModel(**options).fit(book, out=tmp_path / "cut", callbacks=[small_models.StopAt(3)])
    LanguageModel(**options).fit(book, out=tmp_path / "cut", resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)
    assert elman.load(tmp_path / "cut").score(TEXT).bits_per_character > 0


def test_a_cell_that_is_not_there_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"There is no cell 'lstmm', only rnn, .*Did you mean 'lstm'"):
        LanguageModel(cell="lstmm")


def test_the_same_seed_writes_the_same_text(trained: LanguageModel) -> None:
    assert trained.generate("The", 30, seed=5) == trained.generate("The", 30, seed=5)
    assert trained.generate("The", 30, seed=5) != trained.generate("The", 30, seed=6)
    assert len(trained.generate("The", 30, temperature=0)) == 30


def test_next_gives_probabilities_in_order(trained: LanguageModel) -> None:
    likeliest = trained.next("The same", top=500)
    probabilities = [probability for _, probability in likeliest]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe"])
def test_score_is_what_the_stream_says(kind: str, tmp_path: Path) -> None:
    model = LanguageModel.load(small_models.bundle(tmp_path / "model", kind))
    text = small_models.TEXT
    stream = model.stream()
    rows = np.concatenate([stream.push(text), stream.flush()])
    ids = model.codec.encode(text)
    expected = -rows[np.arange(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(model.score(text).nats, expected, **tolerances.NUMPY_AGAINST_TORCH)


def test_lines_add_up_to_the_whole(trained: LanguageModel) -> None:
    score = trained.score(small_models.TEXT)
    lines = score.per_line()
    assert sum(nats for _, nats, _ in lines) == pytest.approx(score.nats.sum())
    assert sum(count for _, _, count in lines) == len(score.nats)
    assert [line for line, _, _ in lines] == small_models.TEXT.splitlines()


def test_lines_of_a_text_that_opens_with_an_empty_one(trained: LanguageModel) -> None:
    assert [(line, count) for line, _, count in trained.score("\n\nSo\n").per_line()] == [("", 0), ("", 1), ("So", 3)]


def test_long_text_is_scored_nearly_as_by_one_stream(trained: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "SHORT_TEXT", 0)
    text = small_models.TEXT * 60
    stream = trained.stream()
    ids = trained.codec.encode(text)
    exact = -stream.push(text)[np.arange(len(ids) - 1), ids[1:]]
    assert trained.score(text).nats_per_symbol == pytest.approx(exact.mean(), rel=tolerances.WARM_STATE)


def test_unknown_characters_in_a_prompt_are_named(trained: LanguageModel) -> None:
    with pytest.raises(UsageError, match="never seen: '€'"):
        trained.generate("€")


def test_a_model_that_was_not_trained_says_so(tmp_path: Path) -> None:
    for use in (lambda: LanguageModel().generate("a"), lambda: LanguageModel().save(tmp_path)):
        with pytest.raises(UsageError, match="has not been trained"):
            use()
    with pytest.raises(UsageError, match="at least one text file"):
        LanguageModel().fit()


def test_a_folder_in_use_is_left_alone(book: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(SaveError, match="is in use"):
        LanguageModel(steps=1).fit(book, out=tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("content", "message"), [("", "is empty"), ("a", "at least 2 characters"), ("ab", "too short")]
)
def test_text_that_is_too_short(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        LanguageModel(steps=1, **SMALL).fit(path, out=tmp_path / "run")


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_part_that_is_too_short_is_said_before_training(part: str, book: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("word", encoding="utf-8")
    model = LanguageModel(codec="words", steps=1, **SMALL, **{part: tmp_path / "short.txt"})
    name = {"valid": "held-out", "test": "test"}[part]
    with pytest.raises(DataError, match=f"The {name} text is too short"):
        model.fit(book, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_text_of_one_symbol_has_no_score(trained: LanguageModel) -> None:
    with pytest.raises(DataError, match="at least 2 symbols, found 1"):
        trained.score("T")


def test_a_loss_that_turns_nan_keeps_the_last_good_model(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(10_000))
    healthy = Objective.__call__

    def sick(self: Objective, module: Any, batch: Any, carry: Any) -> Loss:
        loss = healthy(self, module, batch, carry)
        return Loss(loss.value * (np.nan if next(calls) >= 12 else 1), loss.count, loss.carry)

    monkeypatch.setattr(Objective, "__call__", sick)
    with pytest.raises(elman.errors.NonFiniteLossError, match="NaN at step 13"):
        LanguageModel(steps=50, evaluate_every=5, **SMALL).fit(book, out=tmp_path / "run")
    kept = elman.load(tmp_path / "run")
    assert kept.metrics["training"]["stopped_by"] == "non-finite loss"
    assert all(np.isfinite(value).all() for value in kept.tensors.values())


def test_ctrl_c_does_not_wait_for_the_baseline(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object, documents: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("elman.decoding.ngram.KneserNey.fit", interrupted)
    LanguageModel(steps=2, **SMALL).fit(book, out=tmp_path / "run")
    assert set(elman.load(tmp_path / "run").metrics["held_out"]) == {"model"}


@pytest.mark.parametrize("settings", [3, {"network": {"hiden_size": 4}}])
def test_settings_that_make_no_sense_are_the_bundles_fault(settings: Any, tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "settings": settings}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"config\.json"):
        elman.load(folder)


def test_a_bundle_of_another_task_is_refused(tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "task": "languge-model"}), encoding="utf-8")
    with pytest.raises(BundleError, match="Did you mean 'language-model'"):
        elman.load(folder)


def test_documents_are_reset_and_not_predicted_across(tmp_path: Path) -> None:
    """What stands in one document must not change the score of the next."""
    model = LanguageModel.load(small_models.bundle(tmp_path / "model"))
    network = build(model.shape, model.tensors)
    one, two = "The same input", "So it goes."
    together = score_texts(network, model.codec, [one, two]).nats
    apart = np.concatenate([score_texts(network, model.codec, [text]).nats for text in (one, two)])
    np.testing.assert_allclose(together, apart, **tolerances.NUMPY_AGAINST_TORCH)


def test_held_out_text_is_the_end(tmp_path: Path, book: Path) -> None:
    data = TextData.from_files([book], LanguageModel().settings)
    assert "".join(data.train) + "".join(data.held_out) == TEXT
    assert len("".join(data.held_out)) == pytest.approx(0.1 * len(TEXT), abs=1)


def test_a_look_at_a_model_sees_what_it_is_surprised_by(trained: LanguageModel) -> None:
    text = small_models.TEXT
    row = trained.subject(text, steps=1000)
    nats = row.loss_of(row.run()[0]).detach().numpy()
    np.testing.assert_allclose(nats[0], trained.score(text).nats, rtol=1e-4, atol=1e-5)
    several = trained.subject(text, steps=20, batch=3)
    assert several.inputs.shape[:2] == (3, 20)
    assert several.labels[0][:2] == ["T", "h"]
    with pytest.raises(DataError, match="at least 2 symbols, found 1"):
        trained.subject("T")
