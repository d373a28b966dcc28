"""Mathematics of T vectors in R^P, with P never in memory: Gram matrices, spectra, bases."""
