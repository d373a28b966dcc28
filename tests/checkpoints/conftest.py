import pytest

pytest.register_assert_rewrite("taskvec.testing.reader_contract")
