"""When a step need not run again."""
