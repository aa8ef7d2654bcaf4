"""Files read as arrays, images and rows."""
