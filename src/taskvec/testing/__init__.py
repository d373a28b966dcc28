"""Shipped test aids: contract classes, strategies, tiny checkpoints."""
