"""A provider that behaves badly, as a process: `badserver.py MODE ANSWER JOURNAL [CERTIFICATE KEY]` prints its port.

It sends the bytes of the file ANSWER and then does what MODE says. Each request goes to the file JOURNAL as it came.
It ends when its stdin does, so that nothing is left behind where a test is killed.
"""

import socket
import ssl
import struct
import sys
import threading
import time

PIECE = b"x" * 65536


def answer(connection: socket.socket, mode: str, words: bytes) -> None:
    """Answer one request that has been read."""
    if mode == "hang":
        time.sleep(3600)
    for place in range(len(words)) if mode == "drip" else ():
        connection.sendall(words[place : place + 1])
        time.sleep(0.1)
    connection.sendall(b"" if mode == "drip" else words)
    while mode in ("drip", "endless"):
        connection.sendall(PIECE[:1] if mode == "drip" else PIECE)
        time.sleep(0.1 if mode == "drip" else 0)
    if mode in ("half-close", "silence"):
        if mode == "half-close":
            connection.shutdown(socket.SHUT_WR)
        time.sleep(3600)
    if mode == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_request(connection: socket.socket) -> bytes:
    """Return head and body of a request."""
    held = b""
    while b"\r\n\r\n" not in held and (more := connection.recv(65536)):
        held += more
    head, _, body = held.partition(b"\r\n\r\n")
    sizes = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while sizes and len(body) < int(sizes[0]) and (more := connection.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


def serve(connection: socket.socket, mode: str, words: bytes, journal: str) -> None:
    """Deal with one caller."""
    try:
        with connection:
            if mode == "deaf":
                return
            request = read_request(connection)
            with open(journal, "ab") as file:
                file.write(request + b"\n")
            answer(connection, mode, words)
    except OSError:
        pass  # the caller has left


def main() -> None:
    """Serve each caller in a thread of its own, until stdin ends."""
    mode, words, journal = sys.argv[1:4]
    with open(words, "rb") as file:
        answered = file.read()
    door = socket.create_server(("127.0.0.1", 0))
    context = None
    if len(sys.argv) > 4:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*sys.argv[4:6])
    sys.stdout.write(f"{door.getsockname()[1]}\n")
    sys.stdout.flush()

    def take_all() -> None:
        while True:
            connection, _ = door.accept()
            threading.Thread(target=take, args=(connection,), daemon=True).start()

    def take(connection: socket.socket) -> None:
        try:
            wrapped = context.wrap_socket(connection, server_side=True) if context else connection
        except OSError:
            return
        serve(wrapped, mode, answered, journal)

    threading.Thread(target=take_all, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
