"""What do Python programs call, start, read and ask for? Read from their text by `ast`; nothing is imported or run."""
