"""Dreamport: neural levels inside game engines."""

__version__ = "0.1.0"
