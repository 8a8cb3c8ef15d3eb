"""The services of the contract: routing to providers, and the methods that the gateway implements itself."""
