"""Ways to put task vectors together beyond a weighted sum, and expressions that may use them."""
