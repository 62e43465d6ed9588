"""How can a program's stay in a room end?"""

# By its own will, because of one of its bounds, before it began (it is not there, or no room could be made), or nobody
# knows: its room ended first.
ITSELF = "itself"
TIME, MEMORY, DISK, PROCESSES = "time", "memory", "disk", "processes"
MISSING, UNMADE, LOST = "missing", "unmade", "lost"
