from __future__ import annotations

import pytest

from elman.errors import DataError
from source_files import Read

ONE = ">s1 first\nACGT\nACGN\n\n>s2\nac-gt*\n"


def test_a_file_for_each_class(reading: Read) -> None:
    examples = reading({"promoter.fa": ONE, "other.fasta": ">s3\nTTTT\n"})
    assert (examples.kind, list(examples.inputs)) == ("dna", ["TTTT", "ACGTACGN", "acgt"])
    assert examples.targets == ["other", "promoter", "promoter"]
    assert examples.names[2].endswith("promoter.fa, row 5")


@pytest.mark.parametrize(
    ("headers", "options"),
    [
        (["a class=yes", "b class=no", "c class=yes", "d class=no"], {}),
        (["a|1|yes", "b|2|no", "c|3|yes", "d|4|no"], {}),
        (["yes a", "no b", "yes c", "no d"], {}),
        (["x yes a", "x no a", "y yes b", "y no b"], {"target": ("2",)}),
        (["x kind=yes", "y kind=no", "z kind=yes", "w kind=no"], {"target": ("kind",)}),
    ],
)
def test_classes_in_headers(headers: list[str], options: dict[str, tuple[str, ...]], reading: Read) -> None:
    content = "".join(f">{header}\nACGT\n" for header in headers)
    assert reading({"a.fa": content}, **options).targets == ["yes", "no", "yes", "no"]


def test_lines_of_letters(reading: Read) -> None:
    examples = reading({"pos.txt": "ACGTACGTACGT\nACGTACGTACGA\n", "neg.txt": "TTTTTTTTACGTTTTT\n"})
    assert (examples.kind, examples.targets) == ("dna", ["neg", "pos", "pos"])


@pytest.mark.parametrize(
    ("content", "answer", "message"),
    [
        (">a\nACGT\n>b\nMKVLAE\n", "class", r"row 4: 'L' is no letter for a nucleotide; .* proteins\?"),
        ("ACGT\n>b\nACGT\n", "class", r"row 1: expected a header that begins with >"),
        (">a\n>b\nACGT\n", "class", r"row 1: '>a' has no sequence below it"),
        (">a\nACGT\n>b\nACGT\n", "class", r"no class in their headers, such as '>a'.* class=promoter"),
        (">x 1\nACGT\n>y 1\nACGT\n>x 2\nACGT\n>y 2\nACGT\n", "class", r"several places .* --target 1"),
        (">a class=x\nACGT\n>b class=x\nACGT\n>c class=y\nAC\n>d class=y\nAC\n", "numbers", "tell classes, no numbers"),
    ],
)
def test_messages(content: str, answer: str, message: str, reading: Read) -> None:
    with pytest.raises(DataError, match=message):
        reading({"a.fa": content}, answer)
