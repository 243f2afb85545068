"""What to trade and when to be out: proposals and exits, never limits."""
