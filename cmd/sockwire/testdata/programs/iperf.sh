iperf3 -s -1 -p 5201 > server.txt &
until grep -q ':1451 .* 0A ' /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done
iperf3 -c 127.0.0.1 -n 2M -P 2 > client.txt
wait
