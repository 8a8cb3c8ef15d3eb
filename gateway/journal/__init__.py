"""The tamper-evident journal: how records are stored, verified, and shipped. It does not know the contract."""
