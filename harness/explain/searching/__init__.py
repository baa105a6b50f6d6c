"""The search for divergences that no cause explains: random scenarios, run, compared, explained, and what is left."""
