from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples import stocks

MARKET = stocks.made_up(40, 800, seed=0)
PATTERNED = stocks.with_pattern(MARKET, seed=1)


def test_a_pattern_that_is_there_is_found() -> None:
    value, sentence = stocks.find_pattern(PATTERNED, steps=150)
    assert value >= 0.9
    assert f"F1 {value:.3f}" in sentence


def test_it_is_found_in_a_market_of_which_nothing_was_learnt() -> None:
    other = stocks.with_pattern(stocks.made_up(5, 600, seed=5), seed=6, push=0.0)
    assert stocks.find_pattern(PATTERNED, steps=150, elsewhere=other)[0] >= 0.9


def test_a_pattern_that_moves_prices_pays_and_noise_does_not() -> None:
    there = stocks.direction(PATTERNED, steps=150)
    assert there.known
    assert there.pays
    noise = stocks.direction(MARKET, steps=40)
    assert not noise.known
    assert not noise.pays
    assert "no better than chance" in noise.describe()[0]


def test_forecasts_of_a_random_walk_find_nothing_beyond_it() -> None:
    few = stocks.made_up(6, 300, seed=0)
    words = stocks.forecast(few, steps=10)
    assert "more than the last value was found" not in words[0]


def test_nothing_that_is_seen_knows_a_later_day() -> None:
    cut = 500
    shorter = stocks.Market(MARKET.names, MARKET.days[:cut], MARKET.close[:cut], MARKET.completed[:cut])
    for whole, part in zip(stocks.features(MARKET), stocks.features(shorter), strict=True):
        np.testing.assert_allclose(whole.values[:cut], part.values)
    train, choose, judge = MARKET.parts
    assert train.stop + stocks.AFTER <= choose.start
    assert choose.stop + stocks.AFTER <= judge.start


def test_trades_cost() -> None:
    market = stocks.Market(("a",), np.arange(4), np.array([[1.0], [1.0], [1.1], [1.1]]), np.zeros((4, 1), bool))
    probability = np.array([[0.9], [0.1], [0.1], [0.1]])
    gains = stocks.earned(market, probability, slice(0, 3), 0.5)
    assert gains.tolist() == pytest.approx([-stocks.COST, -stocks.COST, 0.0])
    held = stocks.earned(market, probability, slice(0, 3), -1.0)
    assert held.tolist() == pytest.approx([-stocks.COST, 0.1, 0.0])


def test_real_prices_are_read_from_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-10"]
    prices = {"A": [10, 11, 12, 13], "B": [40, 44, 11, 12], "C": [10, 11, 12, 13]}
    rows = [f"{day},{name},{price}" for name, each in prices.items() for day, price in zip(days, each, strict=True)]
    (tmp_path / "prices.csv").write_text("Date,Name,Close\n" + "\n".join(rows) + "\n2024-01-09,B,11\n")
    market = stocks.real(str(tmp_path / "prices.csv"))
    assert market.names == ("A", "B")
    assert market.close[:, 0] == pytest.approx([10, 11, 12, 12, 13])
    assert market.close[:, 1] == pytest.approx([40, 44, 44, 44, 48])  # four for one on the third day
    assert str(market.days[3]) == "2024-01-09"
    said = capsys.readouterr().out
    assert "1 of 3 stocks have the very prices of another" in said
    assert "Jumps taken for splits of stocks: 1, the first on 2024-01-08" in said
