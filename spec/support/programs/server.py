"""A small HTTPS server on Python's ssl: server.py PORT CERTIFICATE KEY [no-tickets] [abrupt: ends without
close_notify] [breaks: resets half of the connections that were resumed, behind the handshake]."""

import random
import socket
import ssl
import struct
import sys
import threading

port, certificate, key, *options = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
if "no-tickets" in options:
    context.options |= ssl.OP_NO_TICKET


def serve(connection):
    connection.settimeout(10)
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            if "breaks" in options and tls.session_reused and random.random() < 0.5:
                tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            tls.recv(4096)
            tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\n")
            if "abrupt" not in options:
                tls.unwrap()
    except OSError:
        connection.close()


listener = socket.create_server(("127.0.0.1", int(port)), backlog=100)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
