"""The logs of a run: files, TensorBoard, terminal."""
