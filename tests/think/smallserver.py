"""How does a namespace with nothing but loopback get a server of llama.cpp? This runs as its first program.

    smallserver.py WEIGHTS PORT

It says `ready` when the model answers, and ends at the end of its stdin: when whoever started it is gone, so is it.
"""

import fcntl
import os
import socket
import struct
import sys

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1  # linux/sockios.h, linux/if.h
# What the model was trained with. A prompt of 8 KB of JSON has some 2,700 tokens.
CONTEXT_TOKENS = 8192


def raise_loopback() -> None:
    """Bring up `lo`, which is down in a new namespace; its 127.0.0.1 comes with that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def main(weights: str, port: str) -> None:
    import xllamacpp

    raise_loopback()
    settings = xllamacpp.CommonParams()
    settings.model.path = weights
    settings.hostnames, settings.port = ["127.0.0.1"], int(port)
    settings.n_ctx, settings.n_parallel = CONTEXT_TOKENS, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 2
    # Threads that wait sleep: other tests need the cores.
    settings.cpuparams.poll = settings.cpuparams_batch.poll = 0
    settings.ui, settings.offline, settings.cache_ram_mib = False, True, 0
    settings.verbosity = 1  # errors
    # Held, or it would be ended at once.
    server = xllamacpp.Server(settings)  # noqa: F841
    os.write(1, b"ready\n")
    sys.stdin.read()
    # Ended in good order, its threads now and then wait for each other for ever.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
