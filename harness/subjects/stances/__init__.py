"""The reimplementation under any stance: every setting of a library, and every convention, by itself."""
