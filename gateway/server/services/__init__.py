"""The services of the contract: what goes beyond passing a call to one provider."""
