"""`python -m xroute` is the command `xroute`."""

from xroute.cli import main

main()
