"""What a benchmark says when it cannot go on."""


class BenchmarkError(Exception):
    """A measured command failed, or something that a question needs cannot be had; one line that says what to do."""
