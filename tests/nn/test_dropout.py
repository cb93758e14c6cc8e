from __future__ import annotations

import pytest
import torch

from elman.errors import SettingsError
from elman.nn import LockedDropout, drop_weights, drop_words
from tolerances import SAMPLING


def test_locked_dropout_keeps_its_mask_over_time() -> None:
    torch.manual_seed(0)
    dropped = LockedDropout(0.25)(torch.ones(40, 5, 100))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert float(dropped.mean()) == pytest.approx(1, abs=SAMPLING)
    assert not torch.equal(dropped[0], dropped[1])


def test_nothing_is_dropped_in_evaluation() -> None:
    x, ids = torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)
    assert LockedDropout(0.5).eval()(x) is x
    assert drop_words(x, ids, 7, 0.5, training=False) is x
    assert torch.equal(drop_weights(x, 0.5, training=False), x)


def test_drop_words_equals_dropping_rows_of_the_embedding() -> None:
    torch.manual_seed(0)
    ids = torch.randint(30, (8, 20))
    dropped = drop_words(torch.ones(8, 20, 6), ids, 30, 0.5, training=True)
    for word in ids.unique():
        places = dropped[ids == word]
        assert torch.equal(places, places[:1, :1].expand_as(places))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_drop_weights_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    weight = drop_weights(torch.ones(100, 100), 0.3, training=True)
    assert float(weight.mean()) == pytest.approx(1, abs=SAMPLING)


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0])
def test_a_rate_is_a_share(p: float) -> None:
    with pytest.raises(SettingsError, match="dropout must be at least 0 and below 1"):
        LockedDropout(p)
