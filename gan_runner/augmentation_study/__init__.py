"""Whether samples help a classifier: cells of a study, and what is said of them."""
