"""What params.yaml says, and what one run changes in it."""
