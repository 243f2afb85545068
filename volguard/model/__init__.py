"""Values: what every other part speaks in. Standard library and numpy only."""
