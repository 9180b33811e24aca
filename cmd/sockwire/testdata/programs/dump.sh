# dumpcap, since tcpdump does not run as the root of a user namespace that has no other users.
dumpcap -q -i lo -w theirs.pcapng 2>said &
await() { n=0; until eval "$1"; do sleep 0.02; n=$((n + 1)); [ $n -lt 1000 ] || { cat said >&2; kill $!; exit 1; }; done; }
await 'grep -qs File: said'
python3 "$(dirname "$0")/calls.py"
# The last one, to a closed port, comes back in an ICMP error: when both are in the file all are.
python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"marker", ("127.0.0.1", 9))'
await 'test $(grep -ao marker theirs.pcapng | wc -l) = 2'
kill -INT $!
wait
