"""Settings as types, the registry of components, the groups of options."""
