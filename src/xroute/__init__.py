"""xroute: one OpenAI-compatible endpoint in front of every language model."""

__version__ = "0.1.0"
