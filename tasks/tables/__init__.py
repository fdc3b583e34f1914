"""What is published of a comparison, and how it is called."""
