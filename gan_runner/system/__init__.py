"""The machine: signals, devices, threads, files that are whole or absent, units."""
