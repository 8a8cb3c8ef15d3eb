"""What more than one upstream needs: reading certificates, PEM bundles, ZIP answers, JSON. Knows no vendor."""
