"""One figure a file, how they look, and the catalogue of all."""
