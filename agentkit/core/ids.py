"""How is a record named that others refer to?"""

import os


def new_id(now: float) -> str:
    """Return an id that sorts by time: 48 bits of milliseconds since 1970 and 80 of chance, in hex."""
    return f"{int(now * 1000):012x}{os.urandom(10).hex()}"
