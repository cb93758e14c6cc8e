"""Transcribing by a transducer end to end, on letters that each have a pattern of their own."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import elman
import tolerances
import transcript_examples
from elman.codecs.raw import joined, pieces
from elman.data import make_batch
from elman.data.examples import Examples
from elman.errors import BundleError
from elman.nn.transducer import TransducerNetwork
from elman.runtime.about import facts
from elman.runtime.bundle import read_config
from elman.runtime.transcripts import Decoding
from elman.shapes import TransducerShape
from elman.tasks.transcribe import Transcriber

SMALL: dict[str, Any] = {
    "head": "transducer", "cell": "gru", "hidden_size": 16, "num_layers": 1, "batch_size": 8, "epochs": 14,
    "convolutions": "12x3/2", "learning_rate": 0.02, "dropout": 0.0, "dropout_input": 0.0, "augment": "jitter=0.1",
    "held_out": 0.2,
}  # fmt: skip
DECODINGS = {"greedy": Decoding(), "beam": Decoding(beam=4, alternatives=3)}


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


@pytest.mark.parametrize("decoding", DECODINGS)
def test_it_learns_to_write_what_it_hears(model: Transcriber, decoding: str) -> None:
    new = transcript_examples.examples(20, seed=9)
    assert model.evaluate(new, decoding=DECODINGS[decoding]).figures["data"]["model"]["cer"] < 0.1


def test_it_reads_in_one_direction_by_itself(model: Transcriber, trained: Path) -> None:
    shape = model.model.shape
    assert isinstance(shape, TransducerShape)
    assert shape.lookahead == 0
    said = facts(read_config(trained), model.metrics, 1)
    assert said["network"].startswith("transducer: gru, 16 units, scores at every step")
    assert said["reads"].startswith("series, frames of 10 numbers")


@given(text=st.text("abc ", max_size=6), places=st.lists(st.integers(0, 24), max_size=4), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_stream_ends_with_the_text_of_the_whole(model: Transcriber, text: str, places: list[int], seed: int) -> None:
    raw = transcript_examples.spoken(text, np.random.default_rng(seed))
    many = pieces(raw, 24)
    ends = sorted(min(place, len(many)) for place in places)
    for decoding in DECODINGS.values():
        live = model.stream(decoding)
        for begin, end in pairwise([0, *ends, len(many)]):
            if end > begin:
                live.push(joined(many[begin:end]))
        (expected,) = model.transcriptions([raw], decoding=decoding)
        found = live.flush()
        assert found.text == expected.text
        assert [word[:3] for word in found.words] == [word[:3] for word in expected.words]
        assert [each for each, _ in found.alternatives] == [each for each, _ in expected.alternatives]


def test_words_are_where_they_were_said(model: Transcriber) -> None:
    raw = transcript_examples.spoken("ab c", np.random.default_rng(4))
    (found,), aligned = model.transcriptions([raw]), model.align([raw], ["ab c"])[0]
    assert found.text == aligned.text == "ab c"
    assert [word.text for word in aligned.words] == ["ab", "c"]
    # Silence, a, silence, b, silence, space, silence, c: the second word begins in the last third.
    assert aligned.words[0].end < len(raw.values) / 2
    assert aligned.words[1].start > 0.6 * len(raw.values)


def test_the_engine_gives_what_torch_gives(model: Transcriber) -> None:
    of = model.model
    assert isinstance(of.shape, TransducerShape)
    network = TransducerNetwork(of.shape)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in of.tensors.items()})
    raws = transcript_examples.examples(3, seed=5).inputs
    expected = network.eval()(make_batch([of.codec.encode(raw) for raw in raws])).detach().numpy()
    for found, row in zip(of.frames(raws), expected, strict=True):
        np.testing.assert_allclose(found, row[: len(found)], **tolerances.NUMPY_AGAINST_TORCH)


def test_a_damaged_weight_of_the_joint_network_is_found(model: Transcriber, tmp_path: Path) -> None:
    model.save(tmp_path)
    sample = json.loads((tmp_path / "sample.json").read_text(encoding="utf-8"))
    assert np.shape(sample["scores"])[1:] == (4, 6)
    weights = load_file(tmp_path / "model.safetensors")
    weights["prediction.embedding.weight"] += 0.5
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(BundleError, match="does not give its recorded output"):
        elman.load(tmp_path)


def test_a_sequence_of_one_frame_may_have_any_transcript() -> None:
    examples = transcript_examples.examples(24)
    short = [pieces(raw, len(raw.values))[0] for raw in examples.inputs[:2]]
    texts = [str(target) for target in examples.targets or ()]
    several = Examples("series", [*short, *examples.inputs[2:]], texts, examples.names, answer="text")
    fitted = Transcriber(**{**SMALL, "epochs": 1, "held_out": 0.0}).fit_examples(several)
    assert fitted.metrics["training"]["sequences"] == 24
