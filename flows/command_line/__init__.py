"""What ``rtl`` answers."""
