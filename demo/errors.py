"""The demo's one error type: a line that says what is wrong and what to do."""


class DemoError(Exception):
    """A problem the reader can act upon; printed as one line."""
