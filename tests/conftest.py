from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # of a worker a core; more would wait in each other's way, at full speed

pytest.register_assert_rewrite("oracles", "taskvec.testing.executor_contract")

settings.register_profile(
    "taskvec",
    deadline=None,  # the first example loads compiled kernels
    derandomize=True,  # the same examples everywhere; look for new ones with --hypothesis-profile=search
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("taskvec"), derandomize=False, max_examples=500)
settings.load_profile("taskvec")
