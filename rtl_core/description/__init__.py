"""What a ticket file says about itself, as JSON: nothing here computes, and no code is in it."""
