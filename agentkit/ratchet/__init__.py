"""What worked goes on working, judged test by test."""
