"""Pictures of what is no image: tables, sequences, confusion matrices."""
