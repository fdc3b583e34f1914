"""What is worked on: a problem or one of its instances, its rounds and levels, and whether it has changed."""
