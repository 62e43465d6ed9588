"""How does a process that holds a value keep others from reading its memory, and what it makes?"""

import os

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # prctl(2)


def harden_process() -> None:
    """Make this process non-dumpable (no /proc/PID/mem, environ, ptrace by the same user) and without core files."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    control_process(PR_SET_DUMPABLE, 0)


def control_process(option: int, value: int) -> None:
    """Call prctl(2) for this process."""
    try:
        # What `ctypes` is made of, without the 2,000 lines around it: a hot verb pays for each import.
        from _ctypes import call_function, dlopen, dlsym

        itself = dlopen(None, 0)  # type: ignore[arg-type]  # as dlopen(3) takes it: the program itself
        call_function(dlsym(itself, "prctl"), (option, value, 0, 0, 0))
    except (ImportError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class OwnMask:
    """For a block, what is made is ours alone, and ours, whatever umask the caller has: 000 and 777 are ones, too."""

    def __enter__(self) -> None:
        """Set it."""
        self.before = os.umask(0o077)

    def __exit__(self, *error: object) -> None:
        """Set it back."""
        os.umask(self.before)
