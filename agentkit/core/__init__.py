"""What several commands need, and nothing else."""
