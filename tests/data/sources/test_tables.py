from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elman.data.sources import read_examples, read_frame, settled
from elman.data.sources.table import to_numbers
from elman.errors import DataError
from elman.settings import DataSettings
from tests.data.sources.conftest import Read

REVIEWS = 'text,label\n"A fine, quiet film.",pos\n"It says ""no"".",neg\nLong and dull,neg\n'
TEXTS = ["A fine, quiet film.", 'It says "no".', "Long and dull"]

LABELS = ["pos", "neg", "neg"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", REVIEWS),
        ("a.csv", REVIEWS.encode("utf-8-sig")),
        ("a.csv", REVIEWS.replace("\n", "\r\n")),
        ("a.csv.gz", gzip.compress(REVIEWS.encode(), mtime=0)),
        ("a.csv", 'label;text\npos;"A fine, quiet film."\nneg;"It says ""no""."\nneg;Long and dull\n'),
        ("a.tsv", 'sentiment\treview\npos\tA fine, quiet film.\nneg\tIt says "no".\nneg\tLong and dull\n'),
        ("a.csv", '"A fine, quiet film.",pos\n"It says ""no"".",neg\nLong and dull,neg\n'),
        ("a.txt", 'A fine, quiet film.\tpos\nIt says "no".\tneg\nLong and dull\tneg\n'),
        ("a.csv", ",text,label\n" + "".join(f"{i}{row}" for i, row in enumerate(
            [',"A fine, quiet film.",pos\n', ',"It says ""no"".",neg\n', ",Long and dull,neg\n"]))),
        ("a.jsonl", "".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in zip(TEXTS, LABELS, strict=True))),
        ("a.json", json.dumps([{"text": t, "y": y} for t, y in zip(TEXTS, LABELS, strict=True)])),
        ("a.json", json.dumps({"text": TEXTS, "class": ["pos", "neg", "neg"]})),
        ("a.txt", "pos A fine, quiet film.\nneg It says \"no\".\nneg Long and dull\n"),
        ("a.txt", "__label__pos A fine, quiet film.\n__label__neg It says \"no\".\n__label__neg Long and dull\n"),
    ],
)  # fmt: skip
def test_texts_with_labels_in_many_forms(name: str, content: str, reading: Read) -> None:
    examples = reading({name: content})
    assert (examples.kind, list(examples.inputs)) == ("text", TEXTS)
    assert examples.targets == ["pos", "neg", "neg"]
    assert examples.names[0].endswith((f"{name}, row 1", f"{name}, row 2"))


def test_tables_as_people_leave_them(reading: Read) -> None:
    spam = 'v1,v2,,,\nham,"Go, until",,,\nspam,Free entry now,,,\nham,Oh well that,or,,\n'
    examples = reading({"spam.csv": spam.encode("latin-1")})
    assert (examples.inputs[0], examples.targets) == ("Go, until", ["ham", "spam", "ham"])
    tweets = [
        f'"{n % 2}","{n}","Mon Apr 0{n} 22:19 2009","NO","user{n}","a longer tweet of {n} words or so"'
        for n in range(1, 9)
    ]
    examples = reading({"spam.csv": "\n".join(tweets) + "\n"})
    assert (examples.inputs[0], examples.targets[:2]) == ("a longer tweet of 1 words or so", ["1", "0"])


@pytest.mark.parametrize(
    ("cells", "comma", "found"),
    [
        (["1,234.50", "99.00"], False, [1234.5, 99]),
        (["1,234", "999"], False, [1234, 999]),
        (["100,200", "300,400"], False, None),
        (["1,5", "2"], False, None),
        (["1.234,5", "1.234"], True, [1234.5, 1234]),
        (["1.5", "2,5"], True, [1.5, 2.5]),
        (["#N/A", "--", "3"], False, [np.nan, np.nan, 3]),
    ],
)
def test_numbers_as_they_are_written(cells: list[str], comma: bool, found: list[float] | None) -> None:
    numbers = to_numbers(cells, comma)
    assert (numbers is None) == (found is None)
    if found is not None:
        np.testing.assert_array_equal(numbers, found)


def test_several_labels_before_a_text(reading: Read) -> None:
    lines = {"a.txt": "__label__a __label__b one two\n__label__b three\n"}
    assert reading(lines).targets == [{"a", "b"}, {"b"}]
    assert reading({"a.txt": "1 a\n0.5 b c\n2 d\n"}, "numbers").targets[1] == 0.5
    assert reading({"a.txt": "a|b one two\nb three\na|b so\n"}, "classes").targets == [{"a", "b"}, {"b"}, {"a", "b"}]


def test_labels_in_a_table_of_their_own(reading: Read) -> None:
    steps = "series_id,step,x,y\n" + "".join(f"{n},{k},{n + k},{k}\n" for n in range(4) for k in range(3))
    labels = "series_id,group_id,surface\n" + "".join(f"{n},g{n % 2},{'ab'[n // 2]}\n" for n in range(4))
    test = "series_id,step,x,y\n9,0,1,2\n9,1,1,2\n"
    files = {"X_train.csv": steps, "y_train.csv": labels, "X_test.csv": test}
    examples = reading(files, target=("surface",))
    assert (examples.targets, examples.groups) == (["a", "a", "b", "b"], ["g0", "g1"] * 2)
    assert examples.channels == ("x", "y")


def test_whole_numbers_name_classes(reading: Read) -> None:
    assert reading({"a.csv": "text,label\na b,1.0\nc,2.00e+00\n"}).targets == ["1", "2"]
    assert reading({"a.csv": "text,label\na b,01\nc,02\n"}).targets == ["01", "02"]


def test_a_joined_id(reading: Read) -> None:
    rows = "".join(f"{who},{what},{t},{t}.5\n" for who in "ab" for what in ("run", "walk") for t in (0, 1, 2))
    files = {"a.csv": "subject,activity,time,acc\n" + rows}
    with pytest.raises(
        DataError, match=r"each row looks like a step at the time 'time', .* such as --id-column subject"
    ):
        reading(files)
    examples = reading(files, id_column="subject+activity")
    assert examples.targets == ["run", "walk"] * 2
    assert examples.groups == ["a", "a", "b", "b"]


def test_wide_tables_of_patients_that_come_again(reading: Read) -> None:
    rows = "".join(f"{n // 3},{'ab'[n % 2]}," + ",".join(f"{n}.{k}" for k in range(6)) + "\n" for n in range(9))
    examples = reading({"a.csv": "patient_id,label," + ",".join(f"t{k}" for k in range(6)) + "\n" + rows})
    assert (len(examples), examples.inputs[0].values.shape) == (9, (6, 1))
    assert examples.groups == ["0"] * 3 + ["1"] * 3 + ["2"] * 3


def test_numbers_between_spaces(reading: Read) -> None:
    examples = reading({"a.txt": "  1 -1.5 3.25 0.5\n  2  4.5 6.5 0.25\n" * 3})
    assert (examples.kind, examples.targets[:2]) == ("series", ["1", "2"])
    assert examples.inputs[0].values.tolist() == [[-1.5], [3.25], [0.5]]


def test_what_is_not_read(reading: Read) -> None:
    with pytest.raises(DataError, match=r"files of the kind \.xlsx are not read\. Save the sheet as CSV"):
        reading({"a.xlsx": b"PK"})


def test_parquet_and_latin(reading: Read, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": TEXTS, "label": [1, 0, 0]}), tmp_path / "a.parquet")
    examples = reading({})
    assert (list(examples.inputs), examples.targets) == (TEXTS, ["1", "0", "0"])
    assert examples.names[1].endswith("a.parquet, row 2")
    (tmp_path / "a.parquet").unlink()
    assert reading({"b.csv": "text,label\ncafé au lait,yes\nthé,no\n".encode("latin-1")}).inputs[0] == "café au lait"


def test_files_and_columns_that_tell_the_part(reading: Read) -> None:
    files = {"train.csv": REVIEWS, "val.csv": "text,label\nFine,pos\n", "test.csv": "text,id\nGood,1\n"}
    examples = reading(files)
    assert examples.parts == ["train", "train", "train", "valid"]
    assert any("test.csv has no 'label' and is left out" in note for note in examples.notes)


def test_a_column_of_parts_groups_and_times(reading: Read) -> None:
    text = "review,stars,split,user,date\nOne two,5,train,ann,2020-01-02\nThree,1,test,bob,2020-01-01\n"
    examples = reading({"a.csv": text}, "numbers", time_column="date", target=("stars",))
    assert examples.parts == ["train", "test"]
    assert examples.groups == ["ann", "bob"]
    assert examples.times is not None
    assert examples.times[0] - examples.times[1] == 86_400
    assert examples.targets is not None
    assert [float(target[0]) for target in examples.targets] == [5, 1]
    assert examples.outputs == ("stars",)


def test_the_description_is_read_before_the_title(reading: Read) -> None:
    examples = reading({"a.csv": "Title,Description,class\nAn a,The longer,x\nA b,So long,y\n"})
    assert examples.inputs == ["The longer", "So long"]
    assert examples.notes[-1].endswith("Not read: Title.")


def test_several_labels(reading: Read) -> None:
    table = {"a.csv": "text,labels\none two,a|b\nthree,b\nfour,\n"}
    assert reading(table, "classes").targets == [frozenset("ab"), frozenset("b"), frozenset()]
    flags = {"a.csv": "text,toxic,rude\none two,1,0\nthree,1,1\nfour,0,0\n"}
    assert reading(flags, "classes").targets == [{"toxic"}, {"toxic", "rude"}, set()]


def test_lists_of_labels_need_no_option(reading: Read) -> None:
    examples = reading({"a.jsonl": '{"text": "x y", "labels": ["a"]}\n{"text": "z", "labels": []}\n'})
    assert examples.targets == [{"a"}, set()]


def test_dna_in_a_table(reading: Read) -> None:
    examples = reading(
        {"promoters.data": "+,S10,\t\ttactagcaatacgctt\n-,AMPC,\ttgctatcctgacagtt\n+,AROH,gtactagagaactagt\n"}
    )
    assert (examples.kind, examples.targets) == ("dna", ["+", "-", "+"])
    assert examples.inputs[0] == "tactagcaatacgctt"


@pytest.mark.parametrize(
    "content",
    ["1,0.5,0.25,1.5\n2,1.5,0.5,2.5\n1,0.1,0.2,0.3\n2,1,2,3.5\n1,0.5,0.25,1.5\n2,1.5,0.5,2.5\n",
     "label,t0,t1,t2\n1,0.5,0.25,1.5\n2,1.5,0.5,2.5\n1,0.1,0.2,0.3\n",
     "0,1,2,label\n0.5,0.25,1.5,1\n1.5,.5,2.5,2\n"],
)  # fmt: skip
def test_wide_tables(content: str, reading: Read) -> None:
    examples = reading({"a.csv": content})
    assert examples.kind == "series"
    assert examples.inputs[0].values.tolist() == [[0.5], [0.25], [1.5]]
    assert examples.targets is not None
    assert examples.targets[:2] == ["1", "2"]


def test_wide_tables_with_channels_gaps_and_commas(reading: Read) -> None:
    examples = reading({"a.csv": "x1;y1;x2;y2;class\n1,5;2;3;;up\n4;5;;;down\n1;2;3;4;up\n"})
    assert examples.channels == ("x", "y")
    np.testing.assert_equal(examples.inputs[0].values, [[1.5, 2], [3, np.nan]])
    np.testing.assert_equal(examples.inputs[1].values, [[4, 5]])


def test_series_in_lists(reading: Read) -> None:
    examples = reading({"a.jsonl": '{"x": [1, 2], "y": [3, 4], "label": "a"}\n{"x": [1], "y": [3], "label": "b"}\n'})
    assert examples.inputs[0].values.tolist() == [[1, 3], [2, 4]]
    assert examples.targets == ["a", "b"]


@pytest.mark.parametrize(
    ("files", "answer", "message"),
    [
        ({"a.csv": "text,label\na b,x\nc, d,y\ne f,x\n"}, "class", r"row 3: expected 2 fields, .* found 3.* quotes"),
        ({"a.csv": 'text,label\n"a b,x\nc,y\n'}, "class", "row 2: a double quote opens here"),
        ({"a.csv": "text,label\n"}, "class", "has a header and no rows below it"),
        ({"a.csv": "a,b,text\nx,p,one two\ny,q,three\nx,p,four\ny,q,five\nx,p,six\ny,p,seven\n"}, "class",
         r"2 columns could hold the classes to learn: a \(such as 'x'\), b .* --target b"),
        ({"a.csv": "opening,ending,label\none two,three four,1\nfive six,seven eight,0\n"}, "class",
         "2 columns could hold the text: .* --input-column"),
        ({"a.csv": "text,label\none two,3\nthree,much\n"}, "numbers",
         "row 3: expected a number in column 'label', .*'much'"),
        ({"a.csv": "text,label\none two,a\n,b\n,a\n"}, "class",
         "row 3: column 'text', the text, is empty, as in 2 of 3"),
        ({"a.csv": "text,label\none two,a\nthree,\nfour,\n"}, "class", "row 3: column 'label', to be learnt, is empty"),
        ({"a.csv": "text,text\none,1\ntwo,2\n"}, "class", "row 1: two columns are called 'text'"),
        ({"a.jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": }\n'}, "class",
         "row 2: is not JSON .* one object"),
        ({"a.jsonl": '{"text": "a", "label": 1}\n[1, 2]\n'}, "class", r"row 2: expected an object .* found '\[1, 2\]'"),
        ({"a.csv": "label,t0,t1,t2\na,1,2,3\nb,1,x,3\n"}, "class",
         "row 3: expected a number in column 't1'.* found 'x'"),
        ({"a.csv": "year,month,rain\n2010,1,3\n2010,2,4\n2010,1,3\n2011,2,4\n2011,1,3\n2011,2,4\n"}, "class",
         r"3 columns could hold the classes .* --target rain\. If rows are steps of series, say with --id-column"),
        ({"a.txt": "Once upon a time\nthere was a queen\n"}, "class", "no label was found"),
    ],
)  # fmt: skip
def test_messages_say_where_and_what_to_do(
    files: dict[str, str | bytes], answer: str, message: str, reading: Read
) -> None:
    with pytest.raises(DataError, match=message):
        reading(files, answer)


def test_an_unknown_column(reading: Read) -> None:
    with pytest.raises(DataError, match=r"--target names the column 'lable', .* text, label\. Did you mean 'label'\?"):
        reading({"a.csv": REVIEWS}, target=("lable",))


def test_what_was_guessed_reads_other_files_the_same_way(reading: Read, tmp_path: Path) -> None:
    examples = reading({"a.csv": "about,body,kind,user\nx,one two,p,ann\ny,three four,q,bob\n"}, target=("kind",))
    same = settled(DataSettings(target=("Kind",)), examples)
    assert (same.kind, same.input_column, same.target, same.group) == ("text", ("body",), ("Kind",), "user")
    (tmp_path / "b.csv").write_text("body,about\nfive,long and longer\n")
    assert list(read_examples(tmp_path / "b.csv", same, None).inputs) == ["five"]


def test_a_column_that_is_named_makes_the_first_row_names(reading: Read) -> None:
    table = {"few.tsv": "quote\tmood\nyes\tup\nno\tdown\n"}
    assert reading(table, None, input_column=("1",)).inputs == ["quote", "yes", "no"]
    assert reading(table, "class", input_column=("quote",), target=("mood",)).inputs == ["yes", "no"]


def test_columns_without_names_are_counted(reading: Read, tmp_path: Path) -> None:
    examples = reading({"a.csv": "1,0.5,5.5,6.5\n2,7.5,8.5,9.5\n" * 3})
    same = settled(DataSettings(), examples)
    assert same.target == ("1 of 4",)
    for content in ("0,1.5,2\n2,3.5,4\n", "1,0,1.5,2\n2,2,3.5,4\n"):  # without the answer and with it
        (tmp_path / "a.csv").write_text(content)
        found = read_examples(tmp_path / "a.csv", same, None)
        assert [one.values[:, 0].tolist() for one in found.inputs] == [[0, 1.5, 2], [2, 3.5, 4]]
    with pytest.raises(DataError, match="--target expects 4 columns, found 5"):
        reading({"a.csv": "1,1,0,1.5,2\n2,2,3.5,4,1\n"}, target=same.target)
    texts = settled(DataSettings(), reading({"a.csv": '1,"a, b"\n0,c d\n1,e\n'}))
    (tmp_path / "a.csv").write_text('"One, two"\n"Three, four"\n')
    assert reading({}, None, input_column=texts.input_column).inputs == ["One, two", "Three, four"]


def test_data_frames() -> None:
    frame = pd.DataFrame({"text": ["a b", "c", None] * 5, "label": [1.0, 2.0, 1.0] * 5}, index=range(7, 22))
    with pytest.raises(DataError, match=r"the data frame, row 3: column 'text', the text, is empty, as in 5 of 15"):
        read_frame(frame, DataSettings(), "class")
    examples = read_frame(frame.dropna(), DataSettings(), "class")
    assert (examples.inputs[:2], examples.targets[:2]) == (["a b", "c"], ["1", "2"])
    assert examples.names[1] == "the data frame, row 2"


def test_what_is_infinite_or_unknown(reading: Read) -> None:
    with pytest.raises(DataError, match=r"row 3: holds an infinite number"):
        reading({"a.csv": "label,t0,t1,t2\na,1,2,3\nb,1,inf,3\n"})
    with pytest.raises(DataError, match=r"row 3: expected a number to learn, found inf"):
        reading({"a.csv": "text,label\na b,1\nc,1e999\n"}, "numbers")


def test_to_predict_no_label_is_needed(reading: Read) -> None:
    examples = reading({"a.csv": "id,text\n7,One two\n8,Three four\n"}, None)
    assert (list(examples.inputs), examples.targets) == (["One two", "Three four"], None)
    assert reading({"a.csv": REVIEWS}, None).inputs == TEXTS
