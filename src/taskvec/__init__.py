"""Task vectors as values: what fine-tuning added to a model, stored, compressed, split, combined and put back."""

from taskvec._version import __version__

__all__ = ["__version__"]
