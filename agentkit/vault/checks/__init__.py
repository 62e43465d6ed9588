"""Does the vault hold what was put into it?"""
