"""A part of the HTTP API of HashiCorp Vault: encryption, and reads of secrets and certificates."""
