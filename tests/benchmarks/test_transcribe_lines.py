from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import transcribe_lines


def test_problems_have_names_of_their_own_and_the_goals_that_were_asked_for() -> None:
    found = transcribe_lines.problems()
    assert len({problem.name for problem in found}) == len(found) == 2 + len(transcribe_lines.CURVE)
    goals = [[dict(way.goals) for way in problem.ways] for problem in found[:2]]
    assert goals == [[{"cer": 2.5}, {}], [{"cer": 25.0}, {"cer": 25.0}]]


@pytest.mark.data
def test_no_document_is_in_two_parts(data_folder: Path) -> None:
    whole = transcribe_lines.wills(data_folder, 0)
    some = transcribe_lines.wills(data_folder, 0, 500)
    assert whole.valid is not None
    assert whole.test is not None
    sets = [set(part.groups or ()) for part in (whole.train, whole.valid, whole.test)]
    assert sum(map(len, sets)) == len(sets[0] | sets[1] | sets[2]) == 137
    assert 500 <= len(some.train) < 600
    assert set(some.train.groups or ()) < sets[0]
    assert len(transcribe_lines.fraktur(data_folder, 0).test or ()) == 427
