"""How much the index moves, moved, and is priced to move. Decimal volatility per year throughout."""
