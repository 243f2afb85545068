"""volguard: sell NSE index options, risk first."""

__version__ = "0.1.0"
