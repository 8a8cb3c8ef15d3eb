"""Configuration machinery: the settings base class, secret references, and watched files. Defines no settings."""
