"""What providers say they billed, against what was recorded here."""
