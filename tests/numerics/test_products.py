"""Elements of a product of factors: any of them, the same bits as all of them."""

from __future__ import annotations

import numpy as np
import pytest

from taskvec.numerics.products import add_product


@pytest.mark.parametrize(("offset", "count"), [(0, 35), (0, 4), (3, 9), (6, 1), (7, 7), (8, 27), (34, 1), (12, 0)])
def test_any_elements_are_those_of_the_whole_product(offset: int, count: int) -> None:
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((5, 3), dtype=np.float32), rng.standard_normal((3, 7), dtype=np.float32)
    whole, part = np.zeros(35, np.float32), np.ones(count, np.float32)
    add_product(left, right, 0, whole)
    add_product(left, right, offset, part)
    np.testing.assert_allclose(whole.reshape(5, 7), left.astype(np.float64) @ right, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(part - 1, whole[offset : offset + count], atol=1e-6)
    again = np.zeros(count, np.float32)
    add_product(left, right, offset, again)
    assert again.tobytes() == whole[offset : offset + count].tobytes()
