"""Task Vector Bases: T task vectors kept as M < T atoms, with the error of every one of them known."""
