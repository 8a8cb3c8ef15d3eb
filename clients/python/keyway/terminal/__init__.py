"""Text on a terminal: width, escaping, tables, and the pager. These modules need no optional package of the client."""
