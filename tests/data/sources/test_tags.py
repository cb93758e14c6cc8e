from __future__ import annotations

import pytest

from elman.errors import DataError
from source_files import Read

WORDS = [("fly", "to", "new", "york"), ("go",)]
TAGS = [("O", "O", "B-city", "I-city"), ("O",)]
CONLL = "-DOCSTART- -X- O O\n\nfly VB x O\nto TO x O\nnew NN x B-city\nyork NN x I-city\n\n\ngo VB x O\n"
UNIVERSAL = (
    "# text = du lac\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\tIN\t_\t2\tcase\t_\t_\n"
    "2\tlac\tlac\tNOUN\tNN\t_\t0\troot\t_\t_\n\n"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", CONLL),
        ("a.txt", CONLL.replace(" ", "\t").replace("\n", "\r\n")),
        ("a.csv", "sentence_id,word,tag\n1,fly,O\n,to,O\n,new,B-city\n,york,I-city\n2,go,O\n"),
        ("a.jsonl", '{"tokens": ["fly", "to", "new", "york"], "ner_tags": ["O", "O", "B-city", "I-city"]}\n'
                    '{"tokens": ["go"], "ner_tags": ["O"]}\n'),
        ("a.csv", "text,tags\nfly to new york,O O B-city I-city\ngo,O\n"),
    ],
)  # fmt: skip
def test_words_and_tags_in_many_forms(name: str, content: str, reading: Read) -> None:
    examples = reading({name: content}, "tags")
    assert (examples.kind, list(examples.inputs), examples.targets) == ("words", WORDS, TAGS)
    again = reading({}, None, **examples.guessed)
    assert (again.kind, again.targets) == ("words", None)
    assert [" ".join(words) if isinstance(words, tuple) else words for words in again.inputs] == [
        "fly to new york",
        "go",
    ]


def test_parallel_files(reading: Read) -> None:
    files = {}
    for part in ("train", "valid"):
        files[f"{part}/seq.in"] = "fly to new york\ngo \n"
        files[f"{part}/seq.out"] = "O O B-city I-city\nO\n"
        files[f"{part}/label"] = "flight\nother#flight\n"
    tags = reading(files, "tags")
    assert (list(tags.inputs), tags.targets) == (WORDS * 2, TAGS * 2)
    assert tags.parts == ["train"] * 2 + ["valid"] * 2
    labels = reading(files, "class")
    assert (labels.inputs[0], labels.targets[1]) == ("fly to new york", "other#flight")
    assert reading(files, "classes", separator="#").targets[1] == {"other", "flight"}
    assert reading(files, "classes", target=("seq.out",)).targets[:2] == [{"city"}, frozenset()]
    assert reading(files, None).targets is None


def test_words_alone_are_cut_as_they_were_learnt(reading: Read) -> None:
    assert reading({"seq.in": "to st. louis\n"}, None, kind="words").inputs == [("to", "st.", "louis")]


def test_universal_dependencies(reading: Read) -> None:
    examples = reading({"a.conllu": UNIVERSAL}, "tags")
    assert (examples.inputs, examples.targets) == ([("de", "lac")], [("ADP", "NOUN")])
    assert reading({"a.conllu": UNIVERSAL}, "tags", target=("xpos",)).targets == [("IN", "NN")]
    assert reading({"a.conllu": UNIVERSAL}, "tags", target=("-3",)).targets == [("case", "root")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.conll": "a O\nb\n\nc O\n"}, r"a\.conll, row 2: expected 2 columns, .* found 1: 'b'"),
        ({"seq.in": "a b\nc\n", "seq.out": "O O\n"}, r"seq\.out: expected 2 lines, .* found 1"),
        (
            {"seq.in": "a b\nc\n", "seq.out": "O O\nO O\n"},
            r"seq\.out, row 2: expected a tag for each of the 1 words, found 2",
        ),
        ({"a.csv": "words,about\na b,x\n"}, r"no column is called like tags; .* --target NAME"),
        ({"a.csv": "word,tag\na,O\nb,O\n"}, r"no column says which words are one sentence.* --id-column"),
        ({"a.txt": "plain text\nof two lines\n"}, "expected a tag for each word"),
        (
            {"a.jsonl": '{"tokens": ["a", "b"], "tags": ["O"]}\n'},
            r"row 1: expected a tag for each of the 2 words, found 1",
        ),
    ],
)
def test_messages(files: dict[str, str | bytes], message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading(files, "tags")


def test_a_column_that_is_not_there(reading: Read) -> None:
    with pytest.raises(DataError, match="--target takes the number of a column, 1 to 4, not 'ner'"):
        reading({"a.conll": CONLL}, "tags", target=("ner",))
