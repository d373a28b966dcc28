"""Mathematics of T vectors in R^P on their Gram matrix, and of one matrix at a time: numpy alone."""
