# A name server that asks nobody else, asked over UDP and over TCP.
dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --no-poll --user="$(id -un)" --group="$(id -gn)" \
	--listen-address=127.0.0.1 --bind-interfaces --port=5353 --address=/www.example/192.0.2.1 --pid-file= 2>said &
until grep -q ' 0100007F:14E9 .* 0A ' /proc/net/tcp; do sleep 0.02; kill -0 $! || { cat said >&2; exit 1; }; done
for by in +notcp +tcp; do dig +tries=1 +time=20 +short $by -p 5353 @127.0.0.1 www.example. A; done
kill $!
wait
