"""Translating, from pairs in memory and in files to targets, alignments and reports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elman.data.examples import Examples
from elman.errors import DataError, SettingsError, UsageError
from elman.runtime.pair_model import PairModel
from elman.tasks import load
from elman.tasks.text_report import COMMONEST, MODEL
from elman.tasks.translate import CHECKPOINTS, Translator
from pairs_of_texts import QUICK, spellings

NEAREST = "nearest source's target"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that has learnt a little."""
    out = tmp_path_factory.mktemp("runs") / "run"
    Translator(**QUICK, keep=2).fit_examples(spellings(400), test=spellings(60, begin=500), out=out)
    return out


@pytest.fixture(scope="module")
def model(run: Path) -> Translator:
    return Translator.load(run)


def test_it_learns_more_than_a_translation_memory_knows(model: Translator) -> None:
    figures = model.metrics["test"]
    errors = {who: figures[who]["symbol_error"] for who in (MODEL, NEAREST, COMMONEST)}
    assert errors[MODEL] < 0.5 * errors[NEAREST]
    assert errors[NEAREST] < errors[COMMONEST]
    low, high = figures[MODEL]["symbol_error_95"]
    assert low <= errors[MODEL] <= high


def test_a_loaded_model_writes_the_same(run: Path, model: Translator) -> None:
    again = load(run)
    assert isinstance(again, Translator)
    assert again.predict(["abc", "ed"]) == model.predict(["abc", "ed"])
    assert again.settings == model.settings
    assert isinstance(again.settings.writing.beam, int)


def test_it_writes_without_torch(run: Path) -> None:
    code = (
        "import sys; from elman.tasks import load\n"
        f"print(load({str(run)!r}).predict(['abc'])[0]); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_best_targets_come_first_with_their_scores(model: Translator) -> None:
    for several in model.translations(["abcd", "eda"], n_best=3, length_penalty=1):
        scores = [each.score for each in several]
        assert len({each.text for each in several}) == 3
        assert scores == sorted(scores, reverse=True)
        for each in several:
            assert each.score == pytest.approx(each.log_probability / ((5 + len(each.target)) / 6))
            assert each.attention is not None
            assert each.attention.shape == (len(each.target), len(each.source))
            np.testing.assert_allclose(each.attention.sum(1), 1, atol=1e-5)
    assert several[0].target[-1] == "<end>"
    assert several[0].source == ("e", "d", "a")


def test_a_score_is_what_the_model_says_of_a_given_target(model: Translator) -> None:
    (best,) = model.translations(["abcd"])[0]
    assert model.model.score(["abcd"], [best.text]) == pytest.approx([best.log_probability], abs=1e-3)


def test_a_source_without_symbols_has_the_empty_target(model: Translator) -> None:
    first, empty, last = model.translations(["ab", "  ", "ba"])
    assert empty[0].text == ""
    assert empty[0].attention is None
    assert [first[0].text, last[0].text] == model.predict(["ab", "ba"])


def test_models_write_together(run: Path, model: Translator) -> None:
    alone = model.translations(["abcd"])[0][0]
    doubled = Translator.load(run).beside(run).translations(["abcd"])[0][0]
    assert doubled.text == alone.text
    assert doubled.score == pytest.approx(alone.score, abs=1e-4)
    both = Translator.load(run).beside(run / CHECKPOINTS)
    other = Translator.load(run / CHECKPOINTS / "2")
    mean = np.logaddexp(*(each.translations(["ab"], beam=1)[0][0].log_probability for each in (model, other)))
    assert both.translations(["ab"], beam=1)[0][0].log_probability != pytest.approx(mean)
    assert both.evaluate(spellings(30, begin=500)).figures["data"][MODEL]["symbol_error"] < 0.5


def test_models_of_other_vocabularies_do_not(model: Translator, tmp_path: Path) -> None:
    other = spellings(40)
    upper = Examples("text", [word.upper() for word in other.inputs], other.targets, other.names, answer="text")
    Translator(**QUICK | {"epochs": 1}).fit_examples(upper, out=tmp_path / "other")
    with pytest.raises(UsageError, match="one vocabulary of sources"):
        model.beside(tmp_path / "other")


def test_a_target_of_several_is_right_each(tmp_path: Path) -> None:
    examples = spellings(60, several=True)
    model = Translator(**QUICK | {"epochs": 1}).fit_examples(examples.take(range(40)), examples.take(range(40, 60)))
    assert model.metrics["training"]["sequences"] == 80
    written = model.report
    assert written is not None
    assert written.parts["held_out"].truth == list(examples.targets or ())[40:]


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_stream_writes_line_by_line_whatever_the_cuts(model: Translator, cut: int) -> None:
    text = "abc\n\ned\nbad"
    live = model.stream()
    found = [each for begin in range(0, len(text), cut) for each in live.push(text[begin : begin + cut])]
    fork = live.fork()
    ends = [[several[0].text for several in [*found, *each.flush()]] for each in (live, fork)]
    assert ends[0] == ends[1] == model.predict(["abc", "", "ed", "bad"])
    live.push("a")
    live.reset()
    assert live.flush() == []


def test_a_source_is_in_one_part_alone() -> None:
    sources, targets = ["ab", "cd", "ef", "gh"] * 10, [f"A {number}" for number in range(40)]
    report = Translator(**QUICK | {"epochs": 1}, held_out=0.25).fit(sources, targets).report
    assert report is not None
    held_out = set(report.parts["held_out"].sources)
    assert len(report.parts["held_out"].sources) == 10 * len(held_out) > 0


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "additive", "coverage": True, "scheduled_sampling": 0.3, "num_layers": 2, "cell": "lstm"},
        {"tie_weights": True, "input_feeding": True, "dropout": 0.2, "dropout_words": 0.2, "attention": "dot"},
    ],
)
def test_sentences_in_pieces_of_words(options: dict[str, object], tmp_path: Path) -> None:
    english = [
        f"a {color} {thing} stands here" for color in ("red", "green", "old") for thing in ("car", "door", "tree")
    ]
    german = [sentence.replace("a ", "ein ").replace("stands here", "steht hier") for sentence in english]
    pieces = {"source_units": "bpe", "target_units": "bpe", "vocabulary_size": 300, "shared_vocabulary": True}
    model = Translator(**QUICK | {"epochs": 2} | pieces | options).fit(english * 4, german * 4, out=tmp_path / "run")
    again = Translator.load(tmp_path / "run")
    assert again.model.shape.shared
    assert again.model.target is again.model.codec
    assert again.predict(english[:2]) == model.predict(english[:2])
    assert again.model.read("a red car").tolist() == again.model.read(" a red car ").tolist()
    assert model.metrics["held_out"][MODEL]["bleu_signature"].startswith("nrefs:1")


def test_a_run_goes_on(tmp_path: Path) -> None:
    pairs = spellings(120)
    quick = QUICK | {"keep": 2}
    first = Translator(**quick | {"epochs": 1}).fit_examples(pairs, out=tmp_path / "run")
    second = Translator(**quick | {"epochs": 3}).fit_examples(pairs, out=tmp_path / "run", resume=True)
    assert second.metrics["training"]["steps"] == 3 * first.metrics["training"]["steps"]
    assert len(list((tmp_path / "run" / "run" / "best").iterdir())) == 2
    with pytest.raises(UsageError, match="hidden_size = 24"):
        Translator(**quick | {"hidden_size": 32}).fit_examples(pairs, out=tmp_path / "run", resume=True)


def test_what_is_seen_for_the_first_time_is_told() -> None:
    train, valid = spellings(40), Examples("text", ["xa"], ["Aa Xx"], ["word"], answer="text")
    notes = _Notes()
    Translator(**QUICK | {"epochs": 1}).fit_examples(train, valid, callbacks=[notes])
    assert "1 symbols of the sources of the held-out data are unknown: 'x'." in notes.found
    assert "1 symbols of the targets of the held-out data are unknown: 'Xx'." in notes.found


def test_unknown_symbols_become_those_of_the_source(model: Translator) -> None:
    """Words of which the target has none but <unk>: each place of the target copies one of the source."""
    always = replace(model.model, tensors={name: 0 * value for name, value in model.model.tensors.items()})
    bias = always.tensors["decoder.output.bias"]
    assert model.model.target.unknown is not None
    bias[model.model.target.unknown], bias[-1] = 9, 8
    copied = next(always.translate(["dab"]))[0]
    assert set(copied.text.split()) == {"d"}  # all places alike: the first one
    assert "<unk>" in copied.target


def test_a_source_without_symbols_cannot_be_learnt() -> None:
    with pytest.raises(DataError, match="' ' has no symbols"):
        Translator(**QUICK).fit(["ab", "ba", "a", " "], ["A B", "B A", "A", "C"])


def test_options_are_checked(model: Translator) -> None:
    with pytest.raises(SettingsError, match="no option 'beams'"):
        model.predict(["ab"], beams=3)
    with pytest.raises(SettingsError, match="no option 'hidden'"):
        Translator(hidden=3)


def test_the_bundle_holds_both_vocabularies(run: Path) -> None:
    assert {"vocabulary.json", "target.vocabulary.json"} <= {file.name for file in run.iterdir()}
    model = load(run)
    assert isinstance(model.model, PairModel)


class _Notes:
    """Remembers what a reader is told."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def on_note(self, text: str) -> None:
        self.found.append(text)

    def __getattr__(self, name: str) -> object:
        return lambda *arguments: None
