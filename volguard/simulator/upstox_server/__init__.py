"""A look-alike of the broker on this machine: the same protocol over the simulator's exchange."""
