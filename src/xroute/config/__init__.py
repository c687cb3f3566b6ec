"""Settings: their types, where they come from, and the one place that reads the environment."""
