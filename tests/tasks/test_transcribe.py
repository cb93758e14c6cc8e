"""Transcribing end to end, on letters that each have a pattern of their own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
import tolerances
import transcript_examples
from elman.codecs.raw import Series, pieces
from elman.data import make_batch
from elman.data.examples import Examples
from elman.errors import BundleError, CheckpointError, DataError
from elman.nn.labels import LabelNetwork
from elman.runtime.transcripts import Decoding
from elman.shapes import LabelShape
from elman.tasks.transcribe import Transcriber
from elman.training.events import Callback

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_layers": 1, "batch_size": 8, "epochs": 14, "convolutions": "12x3/2", "learning_rate": 0.02,
    "bidirectional": False, "dropout": 0.0, "dropout_input": 0.0, "augment": "jitter=0.1", "held_out": 0.2,
}  # fmt: skip


class Notes(Callback):
    """Keeps what the reader is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("transcribe") / "run"
    Transcriber(**SMALL).fit_examples(transcript_examples.examples(120), out=out)
    return out


@pytest.fixture(scope="module")
def model(trained: Path) -> Transcriber:
    found = elman.load(trained)
    assert isinstance(found, Transcriber)
    return found


def test_it_learns_to_write_what_it_hears(model: Transcriber) -> None:
    new = transcript_examples.examples(20, seed=9)
    assert model.score(new) > 0.9
    said = model.predict(new)
    assert sum(one == other for one, other in zip(said, new.targets or (), strict=True)) >= 16


def test_the_report_has_the_baseline_beside_the_model(trained: Path, model: Transcriber) -> None:
    figures = model.metrics["held_out"]
    assert figures["model"]["cer"] < 0.1 < figures["the commonest transcript"]["cer"]
    assert figures["model"]["sequences"] == 24
    numbers = json.loads((trained / "report" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["held_out"]["transcripts"][0].keys() == {"name", "truth", "model", "the commonest transcript"}
    assert "What is mistaken for what" in (trained / "report" / "index.html").read_text(encoding="utf-8")


def test_training_says_what_a_language_model_would_mend(tmp_path: Path) -> None:
    notes = Notes()
    settings = {**SMALL, "epochs": 6}
    Transcriber(**settings).fit_examples(transcript_examples.examples(120), out=tmp_path / "run", callbacks=[notes])
    (told,) = (text for text in notes.texts if "--language-model transcripts" in text)
    with_it, without = (float(share) for share in re.findall(r"([\d.]+)% ", told))
    assert with_it < without


def test_a_beam_is_no_worse_and_tells_alternatives(model: Transcriber) -> None:
    new = transcript_examples.examples(4, seed=9)
    found = model.transcriptions(new, decoding=Decoding(beam=8, alternatives=3))
    assert all(each.alternatives[0][0] == each.text for each in found)
    assert all(len(each.alternatives) == 3 for each in found)


def test_words_are_where_they_were_said(model: Transcriber) -> None:
    raw = transcript_examples.spoken("ab c", np.random.default_rng(4))
    (found,) = model.transcriptions([raw])
    aligned = model.align([raw], ["ab c"])[0]
    assert [word.text for word in aligned.words] == ["ab", "c"]
    assert found.text == "ab c"
    assert [word[:3] for word in found.words] == [word[:3] for word in aligned.words]
    # Silence, a, silence, b, silence, space, silence, c: the second word begins in the last quarter.
    assert aligned.words[0].start < 5
    assert aligned.words[1].start > 0.6 * len(raw.values)


def test_a_stream_ends_with_the_text_of_the_whole(model: Transcriber) -> None:
    raw = transcript_examples.spoken("abc ba", np.random.default_rng(2))
    live = model.stream()
    texts = [so_far.text for part in pieces(raw, 9) if (so_far := live.push(part)) is not None]
    assert live.flush().text == model.predict([raw])[0]
    assert len(texts) == 9
    assert len(set(texts)) > 3


def test_the_engine_gives_what_torch_gives(model: Transcriber) -> None:
    of = model.model
    assert isinstance(of.shape, LabelShape)
    network = LabelNetwork(of.shape)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in of.tensors.items()})
    raws = transcript_examples.examples(3, seed=5).inputs
    steps = [of.codec.encode(raw) for raw in raws]
    expected = network.eval()(make_batch(steps)).detach().numpy()
    for found, row in zip(of.frames(raws), expected, strict=True):
        np.testing.assert_allclose(found, row[: len(found)], **tolerances.NUMPY_AGAINST_TORCH)


def test_a_folder_of_another_vocabulary_is_refused(model: Transcriber, tmp_path: Path) -> None:
    model.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["network"]["outputs"] += 1
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BundleError, match="codec and transcripts have"):
        Transcriber.load(tmp_path)


def test_sequences_too_short_for_their_transcripts_are_all_named() -> None:
    examples = transcript_examples.examples(30)
    short = Series(np.zeros((3, transcript_examples.CHANNELS)))
    inputs, texts = list(examples.inputs), list(examples.targets or ())
    inputs[4], inputs[7], texts[7] = short, short, "aa"
    damaged = Examples("series", inputs, [str(t) for t in texts], examples.names, answer="text")
    options = {**SMALL, "epochs": 1, "held_out": 0.0}
    with pytest.raises(DataError, match=r"2 of 30 (?s:.)*clip 4: 2 frames, (?s:.)*clip 7: 2 frames, 3 needed for 'aa'"):
        Transcriber(**options).fit_examples(damaged)
    notes = Notes()
    model = Transcriber(**options, impossible="drop").fit_examples(damaged, callbacks=[notes])
    assert model.metrics["training"]["sequences"] == 28
    assert any("They are left out." in text for text in notes.texts)


def test_unseen_characters_are_counted_and_shown(model: Transcriber) -> None:
    examples = transcript_examples.examples(3)
    strange = Examples("series", examples.inputs, ["a", "xé", "b"], examples.names, answer="text")
    notes = Notes()
    Transcriber(**{**SMALL, "epochs": 1}).fit_examples(transcript_examples.examples(8), strange, callbacks=[notes])
    assert any("2 symbols of the transcripts of the held-out data" in text for text in notes.texts)
    assert any("'x' (clip 1), 'é' (clip 1)" in text for text in notes.texts)
    report = model.evaluate(strange)
    assert report.figures["data"]["model"]["unknown_characters"] == 2
    assert any("'x' 1 times" in line for line in report.lines())


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    examples = transcript_examples.examples(24)
    options = {**SMALL, "epochs": 2}
    whole = Transcriber(**options).fit_examples(examples)
    Transcriber(**{**options, "epochs": 1, "schedule": "constant"}).fit_examples(examples, out=tmp_path / "run")
    again = Transcriber(**{**options, "schedule": "constant"})
    again.fit_examples(examples, out=tmp_path / "run", resume=True)
    assert again.metrics["training"]["steps"] == whole.metrics["training"]["steps"]
    with pytest.raises(CheckpointError, match="other data"):
        Transcriber(**options).fit_examples(transcript_examples.examples(24, seed=1), out=tmp_path / "run", resume=True)


@pytest.mark.parametrize("units", ["bpe", "words", "bytes", "symbols"])
def test_transcripts_are_written_in_other_units(units: str) -> None:
    model = Transcriber(**{**SMALL, "epochs": 1}, units=units, vocabulary_size=260)
    model.fit_examples(transcript_examples.examples(24))
    assert model.model.text.kind == units
    assert len(model.predict(transcript_examples.examples(2))) == 2


def test_lower_case_is_scored_in_lower_case() -> None:
    examples = transcript_examples.examples(24)
    upper = Examples("series", examples.inputs, [str(t).upper() for t in examples.targets or ()], examples.names)
    model = Transcriber(**{**SMALL, "epochs": 1}, lowercase=True).fit_examples(upper)
    assert model.evaluate(upper).figures["data"]["model"]["unknown_characters"] == 0
    assert set(model.model.text.symbols[1:]) <= set("abc␣ ")
