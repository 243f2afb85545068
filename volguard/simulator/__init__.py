"""A made-up exchange: its market and history, from a seed alone."""
