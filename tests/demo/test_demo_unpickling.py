"""The animal pictures come as a pickle; only an array may come out of one."""

import os
import pickle  # noqa: S403 (the hostile files of this test)

import numpy as np
import pytest
from demo.errors import DemoError
from demo.unpickling import array_from_pickle


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("array", [np.arange(12, dtype="u1").reshape(3, 4), np.array([-1, 2**40])])
@pytest.mark.parametrize("protocol", [3, 4])
def test_an_array_comes_back(array, protocol) -> None:
    np.testing.assert_array_equal(array_from_pickle(pickle.dumps(array, protocol)), array)


@pytest.mark.parametrize("function", [os.system, os.mkdir, open, np.save])
def test_a_pickle_that_calls_anything_is_refused(function, tmp_path) -> None:
    witness = tmp_path / "ran"
    with pytest.raises(DemoError, match="refused"):
        array_from_pickle(pickle.dumps(Hostile(function, str(witness))))
    assert not witness.exists()


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], "text", np.array([{}], dtype=object)])
def test_anything_but_a_plain_array_is_refused(value) -> None:
    with pytest.raises(DemoError, match="refused"):
        array_from_pickle(pickle.dumps(value, 4))
