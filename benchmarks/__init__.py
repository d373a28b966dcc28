"""How fast, how small and how exact taskvec is, beside the disk and the peers: a folder of questions.

Each question is one file with a title, ``ask`` (measure) and ``chart`` (one picture). Run ``python -m benchmarks
--help``.
"""
