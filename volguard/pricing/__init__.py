"""Prices from quotes and quotes from prices: forwards, Black-76, implied volatility, quote flags."""
