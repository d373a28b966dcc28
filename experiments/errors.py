"""The experiments' one error type: a line that says what is wrong and what to do."""


class ExperimentError(Exception):
    """A problem the reader can act upon; printed as one line."""
