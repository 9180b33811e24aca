package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockwire/raw"
	"sockwire/raw/wire"
)

// ordinaryLab is a lab with a host on which every group may open ping sockets.
func ordinaryLab(t *testing.T) *lab {
	t.Helper()
	l := mustLab(t)
	err := l.a.Sysctl("net.ipv4.ping_group_range", "0 2147483647")
	if err != nil { // in a user namespace that has one group
		err = l.a.Sysctl("net.ipv4.ping_group_range", "0 0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestOrdinaryUser pings over ping sockets as a user who may open no others.
func TestOrdinaryUser(t *testing.T) {
	l := ordinaryLab(t)
	const quick = "-c 2 -i 10ms "
	for _, c := range []struct {
		args string
		code int
		want string // parts of standard output, in order
		hint string // the end of the hint on standard error, if there is to be one
	}{
		// Routers refuse few packets a second, and after an error of another kind none for a while (ip_error in the
		// kernel's net/ipv4/route.c): these come first.
		{args: "-c 1 198.51.100.1", code: 1, want: "From R4 icmp_seq=1 Packet filtered|1 packets transmitted, 0 received, +1 errors"},
		{args: "-r 0 -W 100ms B4 198.51.100.1 203.0.113.1", code: 1, want: "198.51.100.1 is unreachable: Packet filtered from R4|1 host alive, 2 unreachable"},
		{args: "-c 1 2001:db8:3::1", code: 1, want: "From R6 icmp_seq=1 Destination unreachable: No route"},
		{args: "-c 1 -t 1 B4", code: 1, want: "From R4 icmp_seq=1 Time to live exceeded|1 packets transmitted, 0 received, +1 errors"},
		{args: "-c 1 -t 1 B6", code: 1, want: "From R6 icmp_seq=1 Time exceeded: Hop limit|1 packets transmitted, 0 received, +1 errors"},
		{args: "-c 1 -M do -s 1400 B4", code: 1, want: "Frag needed and DF set (mtu = 1400)"},
		{args: "-c 1 -W 100ms 203.0.113.1", code: 1, want: "1 packets transmitted, 0 received, 100% packet loss|lost 1: 1 unanswered"},
		{args: quick + "-v B4", want: "64 bytes from B4: icmp_seq=1 ttl=62|64 bytes from B4: icmp_seq=2 ttl=62|2 packets transmitted, 2 received, 0% packet loss|timestamps: kernel"},
		{args: quick + "-v B6", want: "64 bytes from B6: icmp_seq=1 ttl=62|64 bytes from B6: icmp_seq=2 ttl=62|2 packets transmitted, 2 received, 0% packet loss|timestamps: kernel"},
		{args: quick + "-s 0 B4", want: "8 bytes from B4: icmp_seq=2"},
		{args: "-f -c 500 B4", want: "500 packets transmitted, 500 received"},
		{args: "-c 1 -R B4", want: "RR:"},
		{args: "-W 5s B4 B6 127.0.0.1 ::1", want: "4 hosts alive, 0 unreachable|4 echoes sent, 4 answered"},
		{args: "-c 3 -i 10ms -W 5s B4 B6", want: "B4 3 3 0% |B6 3 3 0% |2 hosts alive"},
		{args: "-c 1 -m 7 B4", code: 2, hint: rawHint},
		{args: "-c 1 -m 7 B4 B6", code: 2, hint: rawHint},
		{args: "-c 1 --socket raw B6", code: 2, hint: rawHint},
		{args: "-c 1 --icmp-timestamp B4", code: 2, hint: rawHint},
	} {
		o, err := on(l.a, "ordinary", l.words(c.args)...)
		if err != nil || o.code != c.code {
			t.Errorf("%s: %+v, %v", c.args, o, err)
			continue
		}
		rest := strings.Join(strings.Fields(o.stdout), " ")
		for _, part := range strings.Split(strings.Join(l.words(c.want), " "), "|") {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: no %q where it should be in\n%s", c.args, part, o.stdout)
			}
			rest = after
		}
		complaint := strings.Split(strings.TrimSpace(o.stderr), "\n")
		switch {
		case c.hint == "" && o.stderr != "":
			t.Errorf("%s: %s", c.args, o.stderr)
		case c.hint != "" && (o.stdout != "" || len(complaint) != 2 || !strings.Contains(complaint[0], "operation not permitted") ||
			!strings.HasPrefix(complaint[1], "rawping: hint: sudo setcap cap_net_raw+ep ") || !strings.HasSuffix(complaint[1], c.hint)):
			t.Errorf("%s: %s%s", c.args, o.stdout, o.stderr)
		}
	}
	// With neither right, as on a host that nobody has changed, there are two ways out.
	o, err := on(l.b, "ordinary", "-c", "1", l.a.Addr4().String())
	if err != nil || o.code != 2 || !strings.Contains(o.stderr, "hint: sudo sysctl -w net.ipv4.ping_group_range=") || !strings.HasSuffix(strings.TrimSpace(o.stderr), rawHint) {
		t.Errorf("%+v, %v", o, err)
	}
}

const rawHint = " lets this program open raw sockets"

// TestOrdinaryUserOnTheWire looks at what comes to the target of the options that change the packet.
func TestOrdinaryUserOnTheWire(t *testing.T) {
	l := ordinaryLab(t)
	for _, c := range []struct {
		target   netip.Addr
		fragment string
		df       bool
	}{{l.b.Addr4(), "do", true}, {l.b.Addr4(), "dont", false}, {l.b.Addr6(), "do", true}} {
		proto, request := raw.ICMP, byte(wire.ICMPv4Echo)
		if c.target.Is6() {
			proto, request = raw.ICMPv6, wire.ICMPv6Echo
		}
		var conn *raw.Conn
		if err := l.b.Do(func() (err error) { conn, err = raw.Listen(t.Context(), proto, nil); return err }); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		o, err := on(l.a, "ordinary", "-c", "1", "-t", "9", "-Q", "0x20", "-s", "100", "-p", "c0de", "-M", c.fragment, c.target.String())
		if err != nil || o.code != 0 {
			t.Fatalf("%+v, %v", o, err)
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 512)
		m, err := conn.ReadPacket(buf)
		for err == nil && buf[m.HeaderLen] != request { // neighbours may be looked for
			m, err = conn.ReadPacket(buf)
		}
		if err != nil {
			t.Fatal(err)
		}
		message := buf[m.HeaderLen:m.N]
		if m.TTL != 7 || m.TOS != 0x20 || len(message) != 108 || !bytes.Equal(message[24:], bytes.Repeat([]byte{0xc0, 0xde}, 42)) {
			t.Errorf("%v: TTL %d, TOS %#x, %x", c.target, m.TTL, m.TOS, message)
		}
		if df := m.HeaderLen == 0 || buf[6]&0x40 != 0; df != c.df {
			t.Errorf("%v, -M %s: DF is %t", c.target, c.fragment, df)
		}
	}
}
