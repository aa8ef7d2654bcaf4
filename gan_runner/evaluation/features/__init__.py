"""The spaces in which samples are compared: what a network, or nothing, makes of them."""
