package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// forger answers echo requests of the other host with what it is told, in the name of whom it likes.
type forger struct {
	in, out *raw.Conn
	group   sync.WaitGroup
}

// request is an echo request as it came.
type request struct {
	packet         []byte
	source, target netip.Addr
	id, seq        uint16
	payload        []byte
}

// forge has a host do something with each echo request instead of answering it.
func forge(t *testing.T, h *netlab.Host, each func(f *forger, q request)) *forger {
	t.Helper()
	if err := h.Sysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	f := new(forger)
	err := h.Do(func() (err error) {
		if f.in, err = raw.Listen(t.Context(), raw.ICMP, &raw.Config{ReadBuffer: 1 << 20}); err != nil {
			return err
		}
		f.out, err = raw.Listen(t.Context(), raw.ICMP, &raw.Config{HeaderIncluded: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.group.Go(func() {
		for {
			b := make([]byte, 2048)
			m, err := f.in.ReadPacket(b)
			switch b = b[:m.N]; {
			case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
				return
			case err != nil || len(b) < 28 || b[20] != wire.ICMPv4Echo:
				continue
			}
			ip := wire.IPv4(b)
			each(f, request{b, ip.Source(), ip.Destination(), binary.BigEndian.Uint16(b[24:]), binary.BigEndian.Uint16(b[26:]), b[28:]})
		}
	})
	t.Cleanup(func() {
		f.in.Close()
		f.group.Wait()
		f.out.Close()
	})
	return f
}

func (f *forger) send(from, to netip.Addr, layers ...packet.Layer) {
	b, err := packet.Append(nil, append([]packet.Layer{&packet.IPv4{Src: from, Dst: to, TTL: packet.U8(64), Protocol: packet.U8(1)}}, layers...)...)
	if err == nil {
		f.out.WritePacket(b, to)
	}
}

// answer sends the genuine answer, which may claim to be from somebody else.
func (f *forger) answer(q request, from netip.Addr) {
	f.send(from, q.source, &packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: q.id, Seq: q.seq}, packet.Payload(q.payload))
}

func (f *forger) unreachable(q request, from netip.Addr, quote int) {
	f.send(from, q.source, &packet.ICMPv4{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4HostUnreachable}, packet.Payload(q.packet[:quote]))
}

// TestForged gives the command answers, errors and copies that an attacker or a bad network would, and looks at what it
// says of them in the end.
func TestForged(t *testing.T) {
	router := netip.MustParseAddr("10.0.1.9")
	damaged := func(f *forger, q request) {
		f.send(q.target, q.source, &packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: q.id, Seq: q.seq, Checksum: packet.U16(0x1234)}, packet.Payload("not what was sent"))
	}
	for _, tc := range []struct {
		name string
		each func(f *forger, q request)
		args string
		code int
		want string // parts of standard output, in order
		not  string
	}{
		{"errors that prove nothing, then answers", func(f *forger, q request) {
			f.unreachable(q, router, 28)
			time.AfterFunc(150*time.Millisecond, func() { f.answer(q, q.target) })
		}, "-c 2 -i 0.05 -W 10", 0, "From 10.0.1.9 icmp_seq=1 Destination Host Unreachable|2 packets transmitted, 2 received, 0% packet loss|2 of those received had been reported", "DUP"},
		{"errors that quote all, then answers", func(f *forger, q request) {
			f.unreachable(q, router, len(q.packet))
			f.answer(q, q.target)
		}, "-c 2 -i 1", 0, "64 bytes from 10.0.1.2: icmp_seq=1|2 packets transmitted", "DUP"},
		{"errors that prove nothing, of many hosts", func(f *forger, q request) {
			f.unreachable(q, router, 28)
			time.AfterFunc(150*time.Millisecond, func() { f.answer(q, q.target) })
		}, "--many -W 10", 0, "1 host alive, 0 unreachable|1 echo sent, 1 answered", ""},
		{"the same, where nothing is tried again", func(f *forger, q request) {
			f.unreachable(q, router, 28)
			time.AfterFunc(150*time.Millisecond, func() { f.answer(q, q.target) })
		}, "--many -r 0 -W 10", 0, "10.0.1.2 is alive|1 host alive, 0 unreachable", "is unreachable"},
		{"errors that prove nothing, and nothing else", func(f *forger, q request) { f.unreachable(q, router, 28) },
			"--many -r 0 -W 0.2", 1, "10.0.1.2 is unreachable: Destination Host Unreachable from 10.0.1.9|0 hosts alive, 1 unreachable", "is alive"},
		{"damaged copies, then answers", func(f *forger, q request) {
			damaged(f, q)
			time.AfterFunc(150*time.Millisecond, func() { f.answer(q, q.target) })
		}, "-c 2 -i 0.05 -W 10 --socket raw", 0, "BAD CHECKSUM|2 packets transmitted, 2 received, 0% packet loss", "DUP"},
		{"a damaged copy, and then nothing but the answer late", func(f *forger, q request) {
			damaged(f, q)
			time.AfterFunc(700*time.Millisecond, func() { f.answer(q, q.target) })
		}, "-c 1 -i 0.05 --socket raw", 0, "BAD CHECKSUM|1 packets transmitted, 1 received, 0% packet loss", "DUP"},
		{"answers long after the timeout", func(f *forger, q request) {
			time.AfterFunc(700*time.Millisecond, func() { f.answer(q, q.target) })
		}, "-c 20 -i 0.1 -W 0.1", 0, "icmp_seq=1 ttl=64|late by|20 packets transmitted, |of those received were late, after more than 100ms", "DUP"},
		{"answers of somebody else with the cookie", func(f *forger, q request) { f.answer(q, router) },
			"-c 1", 0, "64 bytes from 10.0.1.9|(DIFFERENT ADDRESS!)|1 packets transmitted, 1 received", ""},
		{"the same, of many hosts", func(f *forger, q request) { f.answer(q, router) }, "--many", 0, "is alive (|ms) from 10.0.1.9", ""},
		{"answers of somebody else where there is no room for a cookie", func(f *forger, q request) { f.answer(q, router) },
			"-c 1 -s 0 -W 0.3", 1, "1 packets transmitted, 0 received|from an address that was not asked", "cookie"},
		{"answers that are longer", func(f *forger, q request) {
			q.payload = append(q.payload, make([]byte, 900)...)
			f.answer(q, q.target)
		}, "-c 1 -W 0.3", 1, "964 bytes from|BAD DATA! 900 bytes more than were sent|+1 corrupted", "CHECKSUM"},
		{"errors that prove nothing end no deadline", func(f *forger, q request) {
			f.unreachable(q, router, 28)
			time.AfterFunc(150*time.Millisecond, func() { f.answer(q, q.target) })
		}, "-c 2 -i 0.05 -w 5", 0, "64 bytes from 10.0.1.2: icmp_seq=2| 2 received, ", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			forge(t, b, tc.each)
			o, err := on(a, "rawping", append(strings.Fields(tc.args), b.Addr4().String())...)
			if err != nil || o.code != tc.code {
				t.Errorf("%d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
			}
			rest := o.stdout
			for _, part := range strings.Split(tc.want, "|") {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Errorf("no %q where it should be in\n%s", part, o.stdout)
				}
				rest = after
			}
			if tc.not != "" && strings.Contains(o.stdout, tc.not) {
				t.Errorf("%q in\n%s", tc.not, o.stdout)
			}
		})
	}
}
