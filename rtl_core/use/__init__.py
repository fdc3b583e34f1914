"""How a ticket is used: its network, its input and what its output means, by what its file says."""
