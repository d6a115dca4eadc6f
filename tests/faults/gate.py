"""A door in front of a server: closed, nothing answers at its address, and what was going through is cut."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from tests.servers.private import free_port

PIECE = 1 << 16


class Gate:
    """Passes bytes between clients and the server behind it, while it is open.

    Args:
        address: of the server, "http://host:port".

    Attributes:
        address: of the gate.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._behind = (parts.hostname, parts.port)
        self._port = free_port()
        self._going: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.address = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Gate":
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def open(self) -> None:
        """Lets clients through."""
        listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Cuts what is going through, and lets nobody in."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _cut(listener)
        for connection in list(self._going):
            _cut(connection)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._behind)
                self._going |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one of them ended, or was cut
            while piece := source.recv(PIECE):
                target.sendall(piece)
        self._going -= {source, target}
        _cut(target)
        _cut(source)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
