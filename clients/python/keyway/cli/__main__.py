"""`python -m keyway.cli`, an alias of `keyway`."""

from keyway.cli import main

main()
