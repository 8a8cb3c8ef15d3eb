"""Code that both NHN Cloud providers share: settings with credentials, and the response envelope."""
