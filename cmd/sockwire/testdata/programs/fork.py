import socket, socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())
server = socketserver.ForkingTCPServer(("127.0.0.1", 0), Handler)
for text in "one", "two", "three":
    c = socket.create_connection(server.server_address)
    c.sendall(text.encode() + b"\n")
    server.handle_request()
    c.shutdown(socket.SHUT_WR)
    print(c.makefile().read(), end="")
    c.close()
server.server_close()
