"""Tickets as ONNX graphs, which run without this package and without torch."""
