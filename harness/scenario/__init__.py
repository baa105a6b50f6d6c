"""YAML -> scenario -> cases -> problems."""
