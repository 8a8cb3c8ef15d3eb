"""Command line of the gateway: `program` parses the arguments, and each command is a module of its own."""
