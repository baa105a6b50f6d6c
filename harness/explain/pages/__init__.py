"""What is known of each cause, out of the libraries' sources and the shipped scenarios."""
