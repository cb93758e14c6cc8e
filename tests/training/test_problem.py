from __future__ import annotations

import torch

from elman.training.problem import detach, tensors_in


def test_every_tensor_of_a_carry_is_cut_from_its_graph() -> None:
    leaf = torch.ones(2, requires_grad=True)
    carry = {"l0": (leaf * 2, [leaf * 3, None]), "count": 4}
    cut = detach(carry)
    assert [type(part) for part in (cut, cut["l0"], cut["l0"][1])] == [dict, tuple, list]
    assert (cut["l0"][1][1], cut["count"]) == (None, 4)
    for before, after in zip(tensors_in(carry), tensors_in(cut), strict=True):
        assert torch.equal(before, after)
        assert not after.requires_grad
    assert detach(None) is None
