ping -c 1 127.0.0.1 | grep -o '[0-9] received'
ping -c 1 -s 3000 ::1 | grep -o '[0-9] received'
