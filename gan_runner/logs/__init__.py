"""What a run says: rows, TensorBoard, terminal."""
