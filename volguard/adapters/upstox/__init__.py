"""Upstox: everything above this folder knows only ports and values."""
