"""What really happened and where everything really is: the yardstick for every sensing claim."""
