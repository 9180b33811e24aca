nc -lU sock > out &
while ! test -S sock; do sleep 0.02; done
echo hello | nc -NU sock
wait
cat out
