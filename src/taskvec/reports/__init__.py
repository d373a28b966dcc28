"""Figures made from numbers; no torch, no weights."""
