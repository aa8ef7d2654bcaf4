"""How networks are trained: one module a method."""
