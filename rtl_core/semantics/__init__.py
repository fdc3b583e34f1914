"""How alike the subsets are in meaning, whatever their masks say."""
