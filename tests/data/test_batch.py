from __future__ import annotations

import torch

from elman.data import SequenceBatch


def test_every_part_moves_and_what_is_missing_stays_missing() -> None:
    batch = SequenceBatch(inputs=torch.zeros(2, 3), lengths=torch.tensor([3, 1])).to("meta")
    assert batch.inputs.device.type == "meta"
    assert batch.lengths is not None
    assert batch.lengths.device.type == "meta"
    assert batch.targets is None
