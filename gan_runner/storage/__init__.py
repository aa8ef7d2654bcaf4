"""The files of a run, written and read: folder, status, checkpoints, rows, summary."""
