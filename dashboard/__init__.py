"""What people see. Talks HTTP to the hub's API and to nothing else."""
