"""The built-in simulator: a provider of the OpenAI dialect that answers from a seed and fails on demand."""
