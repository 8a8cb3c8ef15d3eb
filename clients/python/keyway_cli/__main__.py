"""`python -m keyway_cli`, an alias of `keyway`."""

from keyway_cli import main

main()
