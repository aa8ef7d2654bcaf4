"""Hydra, which composes our configurations. Beside `hydra_plugins/`, where Hydra looks for what is
imported from here, nothing else imports it."""
