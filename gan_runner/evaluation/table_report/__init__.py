"""The columns of a table, real against sampled, as an evaluation keeps them for pages."""
