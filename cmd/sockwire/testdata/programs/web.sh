# this is web.sh
cd "$(dirname "$0")"
python3 -m http.server 8080 --bind 127.0.0.1 >/dev/null 2>&1 &
until grep -q ' 0100007F:1F90 .* 0A ' /proc/net/tcp; do sleep 0.02; done
curl -s http://127.0.0.1:8080/web.sh
# It may still have to close the connection.
while [ "$(ls -ln /proc/$!/fd 2>/dev/null | grep -c socket:)" -gt 1 ]; do sleep 0.02; done
kill $!
