"""Photographs and their regions."""
