"""How does one get a mount whose server never answers? By being the server: it mounts, takes every request, and sleeps.

    python tests/benchmarks/dead_mount.py FOLDER

It needs root and /dev/fuse. It says `ready` on stdout, and goes when its stdin ends; then the kernel gives up on the
mount and lets go whoever waits in it. The protocol is that of linux/fuse.h, version 7.
"""

import ctypes
import os
import select
import struct
import sys

FUSE_INIT = 26
MNT_DETACH = 2


def main() -> None:
    folder = sys.argv[1].encode()
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    if libc.mount(b"dead", folder, b"fuse.dead", 0, options) != 0:
        sys.exit(f"cannot mount: {os.strerror(ctypes.get_errno())}")
    try:
        while True:
            ready, _, _ = select.select([device, 0], [], [])
            if 0 in ready:
                break
            request = os.read(device, 1 << 17)
            operation, unique = struct.unpack_from("<4xIQ", request)
            if operation == FUSE_INIT:
                answer = struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, 0)
                os.write(device, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)
                os.write(1, b"ready\n")
            # Every other request was taken, so that not even SIGKILL ends the wait for its answer.
    finally:
        libc.umount2(folder, MNT_DETACH)
        os.close(device)


main()
