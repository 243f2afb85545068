"""Functions of a book and a market: no limits, no decisions."""
