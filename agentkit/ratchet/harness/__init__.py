"""What runs beside the accused: the program that runs pytest under the repository's own interpreter."""
