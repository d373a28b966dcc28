"""One file a source of pictures; each has `load() -> Pictures` or, for glyphs, `load(script)`."""
