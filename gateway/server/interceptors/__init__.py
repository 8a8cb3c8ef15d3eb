"""The interceptors that every call passes, one module each. `chain.py` lists them in order."""
