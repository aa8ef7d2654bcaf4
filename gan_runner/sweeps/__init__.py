"""Many runs from one command: checked together, each in a process of its own, continued by the
same command."""
