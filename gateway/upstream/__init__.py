"""The shared HTTP side: one client per provider, with deadlines and bounds, and what its failures mean."""
