from __future__ import annotations

import pytest
from checkpoint_formats import FORMATS, LACKING

from taskvec.testing.reader_contract import ReaderContract, SaveCheckpoint
from taskvec.types import DType


class TestEveryFormat(ReaderContract):
    @pytest.fixture(params=FORMATS)
    def save(self, request: pytest.FixtureRequest) -> SaveCheckpoint:
        return FORMATS[request.param]

    @pytest.fixture
    def lacking(self, request: pytest.FixtureRequest) -> frozenset[DType]:
        return LACKING.get(request.node.callspec.params["save"], frozenset())
