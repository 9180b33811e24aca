package datagram

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockwire/cmd/internal/cli"
)

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]Address{
		"192.0.2.1:53": {"udp", "192.0.2.1:53"}, ":53": {"udp", ":53"}, "127.1:53": {"udp", "127.0.0.1:53"}, "host.example:53": {"udp", "host.example:53"},
		"[2001:db8::1]:53": {"udp", "[2001:db8::1]:53"}, "[fe80::1%7]:53": {"udp", "[fe80::1%7]:53"}, "unix:/run/log": {"unixgram", "/run/log"},
		"unix:@name": {"unixgram", "@name"}, "unix:": {"unixgram", ""},
	} {
		if got, err := ParseAddress(in, false, false); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", in, got, err, want)
		}
	}
	for in, hint := range map[string]string{
		"192.0.2.1": "write HOST:PORT", "2001:db8::1": "[2001:db8::1]:PORT", "udp://192.0.2.1:53": "write 192.0.2.1:53", "UDP4:192.0.2.1:53": "write 192.0.2.1:53",
		"UDP-LISTEN:5000,fork": "write :5000", "UDP-RECVFROM:5000": "write :5000", "/run/log": "write unix:/run/log", "@name": "write unix:@name",
		"UNIX-SENDTO:/run/log": "write unix:/run/log", "ABSTRACT-SENDTO:name": "write unix:@name", "unix-connect:/run/log,x=y": "write unix:/run/log",
		"192.0.2.1:70000": "0 to 65535", "[fe80::1%no-such-if]:53": "ip link",
	} {
		_, err := ParseAddress(in, false, false)
		var hinted cli.Hinted
		if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hint) {
			t.Errorf("%s: %v, want the hint %q", in, err, hint)
		}
	}
}

func TestJoinPorts(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1 53": "192.0.2.1:53", "host.example 53 text": "host.example:53 text", "::1 53": "[::1]:53", "[::1] 53": "[::1]:53",
		"192.0.2.1:53 53": "192.0.2.1:53 53", "fe80::1%eth0 53": "[fe80::1%eth0]:53", "127.1 53": "127.1:53",
		"192.0.2.1 text": "192.0.2.1 text", "unix:name 53": "unix:name 53", "/run/log 53": "/run/log 53", "5000 6000": "5000 6000",
		"192.0.2.1 70000": "192.0.2.1 70000", ":53 192.0.2.1 53": ":53 192.0.2.1:53", "": "",
	} {
		if got := JoinPorts(strings.Fields(in)); !cmp.Equal(strings.Join(got, " "), want) {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
