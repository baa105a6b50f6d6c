"""One file per implementation under comparison. What it takes to run a library lives there and nowhere else."""
