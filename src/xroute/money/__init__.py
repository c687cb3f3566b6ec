"""Money: whole nano-dollars, and what a usage costs."""
