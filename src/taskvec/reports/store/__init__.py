"""The page of a store: what is in it, what is alike, what a basis would cost, and what any combination would be."""
