from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import small_models
from elman.runtime import Bundle, TextModel
from elman.serving.protocol import Columns, Cut, Edit, Models, Refused, Reply, Write, Wrote
from elman.serving.session import LIMIT, Session


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextModel]:
    folder = tmp_path_factory.mktemp("models")
    return {kind: Bundle.read(small_models.bundle(folder / kind, kind)).model for kind in ("characters", "words")}


@pytest.fixture
def session(bundles: dict[str, TextModel]) -> Session:
    return Session({"small": bundles["characters"]}, np.random.default_rng(0))


def all_of(session: Session) -> list[Reply]:
    replies: list[Reply] = []
    while session.behind:
        replies += session.advance()
    return replies


def write(session: Session, turn: int, temperature: float) -> tuple[Wrote, list[Reply]]:
    """What the first model adds, and what is said of it."""
    session.receive(Write(turn, temperature))
    wrote, *others = all_of(session)
    assert isinstance(wrote, Wrote)
    return wrote, others


def symbols(replies: list[Reply], model: int = 0) -> str:
    """What a page that follows the replies has, of one model."""
    found: list[str] = []
    for reply in replies:
        if isinstance(reply, Cut) and reply.model == model:
            found = found[: reply.symbols]
        elif isinstance(reply, Columns) and reply.model == model:
            assert reply.first == len(found)
            found += [column.symbol for column in reply.columns]
    return "".join(found)


def test_the_greeting_names_models_states_and_the_first_guess(session: Session) -> None:
    greeting = session.greet()
    assert isinstance(greeting, Models)
    card = greeting.models[0]
    assert (card.name, card.summary) == ("small", "lstm, 9 + 7 units, 29 symbols (characters)")
    assert card.states == {"hidden_l0": 9, "cell_l0": 9, "hidden_l1": 7, "cell_l1": 7}
    assert len(card.guess) == 12


def test_text_is_read_in_pieces(session: Session) -> None:
    assert session.receive(Edit(1, 0, "The same input")) == []
    first = session.advance()
    assert symbols(first) == "The␣same"
    assert session.behind
    assert symbols(first + all_of(session)) == "The␣same␣input"
    assert not session.behind
    assert session.advance() == []


def test_an_edit_goes_back_to_what_it_keeps(session: Session) -> None:
    replies = session.receive(Edit(1, 0, "The same input")) + all_of(session)
    cut = session.receive(Edit(2, 4, "input"))
    assert cut == [Cut(0, 4)]
    assert symbols(replies + cut + all_of(session)) == "The␣input"


def test_a_newer_edit_makes_void_what_was_not_read_yet(session: Session) -> None:
    session.receive(Edit(1, 0, "The same input may"))
    replies = session.advance()
    assert session.receive(Edit(2, 12, "or")) == []
    assert symbols(replies + all_of(session)) == "The␣same␣inpor"


def test_two_models_read_the_same_text_each_in_its_symbols(bundles: dict[str, TextModel]) -> None:
    session = Session({"a": bundles["characters"], "b": bundles["words"]})
    replies = session.receive(Edit(1, 0, "The same input")) + all_of(session)
    assert (symbols(replies, 0), symbols(replies, 1)) == ("The␣same␣input", "Thesame")
    replies += session.receive(Edit(2, 6, " ")) + all_of(session)
    assert (symbols(replies, 0), symbols(replies, 1)) == ("The␣sa␣", "The<unk>")


def test_writing_goes_on_from_the_text_and_is_read(session: Session, bundles: dict[str, TextModel]) -> None:
    replies = session.receive(Edit(1, 0, "The ")) + all_of(session)
    text = "The "
    for turn in range(2, 10):
        wrote, others = write(session, turn, temperature=0)
        replies += others
        assert wrote.turn == turn
        text += wrote.text
    assert symbols(replies).replace("␣", " ").replace("\\n", "\n") == text
    stream = bundles["characters"].stream()
    stream.push("The ")
    for letter in text[4:]:
        symbol = int(stream.next_logits().argmax())
        assert bundles["characters"].codec.decode([symbol]) == letter
        stream.push_symbol(symbol)


def test_words_are_written_one_by_one(bundles: dict[str, TextModel]) -> None:
    session = Session({"words": bundles["words"]}, np.random.default_rng(0))
    replies = session.receive(Edit(1, 0, "The same")) + all_of(session)
    assert symbols(replies) == "The"
    wrote, others = write(session, 2, temperature=1)
    assert wrote.text[0] in " \n"
    assert symbols(replies + others).startswith("Thesame")


def test_an_edit_stops_the_writing(session: Session) -> None:
    session.receive(Write(1, 1.0))
    session.receive(Edit(2, 0, "T"))
    assert not any(isinstance(reply, Wrote) for reply in all_of(session))


def test_what_cannot_be_kept_is_refused_and_changes_nothing(session: Session) -> None:
    replies = session.receive(Edit(1, 0, "The ")) + all_of(session)
    (refused,) = session.receive(Edit(2, 5, "x"))
    assert refused == Refused(2, "The text has 4 characters, there are no 5 to keep.")
    assert symbols(replies + session.receive(Edit(3, 4, "s")) + all_of(session)) == "The␣s"


def test_a_text_has_an_end(session: Session) -> None:
    (refused,) = session.receive(Edit(1, 0, "x" * (LIMIT + 1)))
    assert isinstance(refused, Refused)
    assert "4,096 characters" in refused.reason
    assert not session.behind


def test_every_kind_of_text_can_be_typed(tmp_path: Path) -> None:
    session = Session({"bytes": Bundle.read(small_models.bundle(tmp_path / "model", "bytes")).model})
    replies = session.receive(Edit(1, 0, "é\x00😀\ud800\n")) + all_of(session)
    assert symbols(replies) == "<C3><A9>\\x00<F0><9F><98><80><EF><BF><BD>\\n"
