"""What a problem that is made of contexts stands on: examples, metrics, a network that is told the context."""
