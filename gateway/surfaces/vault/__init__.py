"""The part of the HTTP API of HashiCorp Vault that programs use to encrypt, and to read secrets and certificates."""
