"""`python -m keyway.cli`: the same as `keyway`."""

from keyway.cli import main

main()
