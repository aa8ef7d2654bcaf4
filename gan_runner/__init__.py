"""gan-runner: compose an adversarial experiment from YAML, train it, resume it bit for bit."""

__version__ = "0.1.0"
