"""What a test runner wrote down, read as one outcome a test."""
