"""You know what falls when this falls, and no check of it can hang."""
