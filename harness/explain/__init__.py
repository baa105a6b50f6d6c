"""Why two subjects differ: causes, found by intervention, and what shows them outside of this project."""
