nc -lU sock > out &
# The socket has its name before it listens, and refuses until then.
until test -S sock && echo hello | nc -NU sock; do sleep 0.02; done
wait
cat out
