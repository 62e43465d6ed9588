"""What is the root of each finding, and what falls with it? The verb explain."""
