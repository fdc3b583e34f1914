"""Where what steps make lies: paths, the store, what is published, and the formats of files."""
