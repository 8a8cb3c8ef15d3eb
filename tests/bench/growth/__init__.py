"""How costs grow: curves with fitted exponents."""
