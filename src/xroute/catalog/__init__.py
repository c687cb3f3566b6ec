"""What is known of providers and models: data in TOML files, read once and looked up by name."""
