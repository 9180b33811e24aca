import os, socket, struct, threading, time
listener = socket.create_server(("127.0.0.1", 0))
def serve():
    c, _ = listener.accept()
    child = os.fork()
    if child == 0:
        c.sendall(c.recv(100).upper())
        os._exit(0)
    os.waitpid(child, 0)
    c.close()
name = listener.getsockname()
t = threading.Thread(target=serve)
t.start()
c = socket.create_connection(name)
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
c.send(b"hello ")
c.send(b"there")
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
c.recv(100, socket.MSG_PEEK)
print(c.recv(100).decode())
c.shutdown(socket.SHUT_WR)
c.recv(10)
c.close()
t.join()

# Nagle: a byte in flight that is not acknowledged yet holds back the next.
c = socket.create_connection(name)
peer, _ = listener.accept()
for i in range(30):
    c.send(b"x")
    c.send(b"y")
# Reset: closed with bytes that nobody read.
peer.close()
time.sleep(0.01)
c.close()

# TCP Fast Open.
f = socket.socket()
f.sendto(b"fast", 0x20000000, name)
peer, _ = listener.accept()
peer.recv(10)
f.close()
peer.close()
listener.close()
try:
    socket.create_connection(name)
except ConnectionRefusedError:
    pass

r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
r.bind(("127.0.0.1", 0))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(r.getsockname())
s.sendmsg([b"a" * 2500], [(17, 103, struct.pack("H", 1000))])
for i in range(3):
    r.recv(2000)
a, b = socket.socketpair()
socket.send_fds(a, [b"x"], [s.fileno()])
os.close(socket.recv_fds(b, 10, 2)[1][0])
