from __future__ import annotations

from elman.runtime.about import facts, scores

TRAINING = {
    "source": "a.csv", "sha256": "f" * 64, "symbols": 1200, "sequences": 40, "epochs": 2.0, "steps": 9, "seconds": 3.2,
    "stopped_by": "epochs",
}  # fmt: skip

CONFIG = {
    "task": "classify", "elman": "0.1.0",
    "network": {"cell": "gru", "hidden_sizes": [8], "bidirectional": True, "pooling": ["mean", "max"], "bag": 90,
                "head": "softmax", "symbols": [20, 5], "frame": []},
    "codec": {"kind": "words"}, "answers": {"kind": "class", "names": ["a", "b"]},
}  # fmt: skip


def test_a_model_of_labels_is_told_in_words() -> None:
    rows = facts(CONFIG, {"training": TRAINING}, 1234)
    assert rows["network"] == (
        "gru, 8 units in both directions, pooled by mean and max, beside a bag of 90 features, head softmax"
    )
    assert rows["reads"] == "words, 20 and 5 symbols"
    assert rows["says"] == "one of a, b"
    assert rows["trained on"] == "a.csv: 40 sequences, 1,200 steps"


def test_many_labels_are_counted_and_frames_measured() -> None:
    network = {
        **CONFIG["network"],
        "symbols": [],
        "frame": [16, 16, 1],
        "pooling": [],
        "bag": 0,
        "bidirectional": False,
    }
    answers = {"kind": "tags", "names": [str(number) for number in range(30)]}
    rows = facts({**CONFIG, "network": network, "codec": {"kind": "frames"}, "answers": answers}, {}, 1)
    assert rows["reads"] == "frames, frames of 16 x 16 x 1 numbers"
    assert rows["says"] == "at every step one of 30 labels"
    assert rows["network"] == "gru, 8 units, scores at every step, head softmax"


def test_figures_have_a_column_where_anyone_has_them() -> None:
    metrics = {"test": {"model": {"accuracy": 0.5, "macro_f1": None}, "bag": {"accuracy": 0.25, "macro_f1": 0.5}}}
    assert scores(metrics) == (
        ["accuracy", "macro-F1"],
        {"test, model": ["50.0%", ""], "test, bag": ["25.0%", "0.500"]},
    )
    assert scores({}) == ([], {})
