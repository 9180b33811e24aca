import socket, subprocess
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 5353))
p = subprocess.Popen(["dig", "+tries=1", "+time=20", "-p", "5353", "@127.0.0.1", "www.example.", "A"], stdout=subprocess.PIPE)
q, a = s.recvfrom(600)
s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:29] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", a)
print(p.communicate()[0].decode().count("192.0.2.1"))
