"""What results of several seeds say in the same way."""

from collections.abc import Sequence
from statistics import fmean, stdev

from taskvec.results import Measured

SECONDS = "Seconds of the steps are of the run that wrote this; what earlier runs had kept cost it nothing."
"""A note for results whose units of work are kept."""


def measured(values: Sequence[float]) -> Measured:
    """The mean of one value a seed, with its standard deviation."""
    spread = stdev(values) if len(values) > 1 else None
    return Measured(value=fmean(values), spread=spread, n=len(values))
