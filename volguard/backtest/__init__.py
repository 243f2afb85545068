"""The same engine over many past days, and what can be said about the result."""
