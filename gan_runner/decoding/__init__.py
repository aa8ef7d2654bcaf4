"""From image files to pixels, with NumPy and Pillow alone, so that processes of their own start
soon."""
