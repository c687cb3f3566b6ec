"""The Bedrock dialect: Amazon's Converse and ConverseStream. Pure functions."""
