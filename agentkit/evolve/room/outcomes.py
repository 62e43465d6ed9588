"""How can a program's stay in a room end?"""

# By its own will, because of one of its bounds, before it began, or nobody knows: its room ended first.
ITSELF = "itself"
TIME, MEMORY, DISK, PROCESSES = "time", "memory", "disk", "processes"
MISSING, LOST = "missing", "lost"
