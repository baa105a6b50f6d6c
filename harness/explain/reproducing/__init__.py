"""A case and a pair of libraries as one Python file that needs this project no longer."""
