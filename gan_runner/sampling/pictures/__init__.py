"""Examples as pictures: grids of images, and charts of vectors, tables and sequences."""
