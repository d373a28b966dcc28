"""Bytes to named tensors and back: the formats in which people keep models."""
