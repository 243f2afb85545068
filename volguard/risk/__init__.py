"""The only part that may say yes: limits, checks, and the one review that every order passes."""
