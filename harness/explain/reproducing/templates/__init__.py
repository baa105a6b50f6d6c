"""The parts of a reproduction that are the same in every case, as text with gaps."""
