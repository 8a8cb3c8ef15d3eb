"""Text on a terminal: its width and its escaping, tables, and the pager. It needs no optional package of the client."""
