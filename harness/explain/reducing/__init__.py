"""Makes a case smaller while the verdict of a pair and its first cause stay."""
