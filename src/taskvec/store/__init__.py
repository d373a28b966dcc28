"""The store: task vectors beside the identity of their base, and what was made of them, on disk."""
