"""The command line: words to calls, one file a verb; printing lives here alone."""
