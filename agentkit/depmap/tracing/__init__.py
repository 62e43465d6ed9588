"""What does a program really touch while it runs, and how much of that does the map have?"""
