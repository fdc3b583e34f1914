"""Speech in noise."""
