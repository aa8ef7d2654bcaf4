"""The commands beside gan-train: paths first, ordinary options."""
