"""Shared and unique components of task vectors: what several fine-tunes change together, and what each changes alone.

Source: "Decomposing Task Vectors for Refined Model Editing" (arXiv 2512.22511). For each weight matrix, every task
vector Wᵢ has a column space Uᵢ (``singular``, cut by a ``rank_rule``); the shared subspace is where these spaces meet
beyond chance (``subspaces``, ``edge``, ``nested``); the shared component is the projection of Wᵢ on it (``sides``), and
the unique component is the rest.
"""
