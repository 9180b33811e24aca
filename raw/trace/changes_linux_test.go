package trace

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// resum writes the checksums of an IPv4 packet anew.
func resum(p []byte) {
	wire.IPv4(p)[:wire.IPv4Len].UpdateChecksum()
	l, _ := wire.Parse(p)
	t, at := p[l.Transport:l.End], 16
	if l.Protocol == wire.ProtoUDP {
		at = 6
	}
	t[at], t[at+1] = 0, 0
	binary.BigEndian.PutUint16(t[at:], l.PseudoHeader(p, l.Protocol, len(t)).Add(t).Checksum())
}

// TestChanges: what a box on the way rewrites is told of the hops behind it, and of none before.
func TestChanges(t *testing.T) {
	var rewrite atomic.Pointer[func(p []byte)]
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b b-x x-c c-t", Boxes: map[string]pathlab.Box{"x": func(in string, p []byte) (string, []byte) {
		switch {
		case in == "c":
			return "b", p
		case p[0]>>4 != 4: // a router solicitation
			return "", nil
		}
		(*rewrite.Load())(p)
		return "c", p
	}}})
	for _, c := range []struct {
		name    string
		tracer  Tracer
		rewrite func(p []byte)
		want    string
	}{
		{"nothing", Tracer{}, func([]byte) {}, "[]"},
		{"DSCP", Tracer{TrafficClass: 0xb8}, func(p []byte) { wire.IPv4(p).SetTOS(0x28); resum(p) }, "[tos 0xb8→0x28]"},
		{"ECN", Tracer{TrafficClass: 0x02}, func(p []byte) { wire.IPv4(p).SetTOS(0); resum(p) }, "[tos 0x02→0x00]"},
		{"port", Tracer{SourcePort: 40000}, func(p []byte) { wire.UDP(p[20:]).SetSourcePort(50000); resum(p) }, "[sport 40000→50000 transport chksum "},
		{"port, checksum left wrong", Tracer{SourcePort: 41000}, func(p []byte) { wire.UDP(p[20:]).SetSourcePort(50000) }, "[sport 41000→50000 checksum right→wrong]"},
		{"DF", Tracer{}, func(p []byte) { p[6] &^= 0x40; resum(p) }, "[df true→false]"},
		{"id", Tracer{}, func(p []byte) { wire.IPv4(p).SetID(7); resum(p) }, "→0x0007]"},
		{"checksum", Tracer{}, func(p []byte) { p[20+6] ^= 1 }, "checksum right→wrong]"},
		{"MSS", Tracer{Protocol: TCP}, func(p []byte) { binary.BigEndian.PutUint16(p[42:], 1380); resum(p) }, "mss 1460→1380]"},
		{"options", Tracer{Protocol: TCP}, func(p []byte) { copy(p[40:44], []byte{1, 1, 1, 1}); resum(p) }, "mss 1460→none]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rewrite.Store(&c.rewrite)
			c.tracer.Last = 3
			seen := 0
			for _, r := range labTrace(t, n, c.tracer, false) {
				if r.Outcome != probe.Answered || r.Kind != Exceeded {
					t.Errorf("%+v", r)
				}
				text, want := fmt.Sprint(r.Changes), c.want
				if r.TTL < 3 {
					want = "[]"
				} else {
					seen++
				}
				if want == "[]" && text != want || strings.Contains(text, "wrong") != strings.Contains(want, "wrong") || !strings.Contains(text, want) {
					t.Errorf("TTL %d: %s, want %s", r.TTL, text, want)
				}
			}
			if seen != 3 {
				t.Errorf("%d answers behind the box", seen)
			}
		})
	}
}

// TestExtensions: what a router tells behind the quote, MPLS labels and its interface, is read; the name as it came.
func TestExtensions(t *testing.T) {
	for _, six := range families4and6 {
		m, packets := testMatcher(UDP, six, 4, 0)
		quote := make([]byte, 128)
		copy(quote, packets[1])
		ext := []byte{0x20, 0, 0, 0,
			0, 12, 1, 1, 0x00, 0x01, 0x0c, 0x01, 0x00, 0x02, 0x01, 0xff, // labels 16 and 32, the second at the bottom
			0, 32, 2, 0x0f, 0, 0, 0, 7, 0, 1, 0, 0, 192, 0, 2, 77, 8, 'e', '\x1b', '[', '3', '1', 'm', 0, 0, 0, 5, 0xdc, 0, 0, 0, 0}
		binary.BigEndian.PutUint16(ext[16:], 28)
		ext = ext[:16+28]
		binary.BigEndian.PutUint16(ext[2:], wire.Checksum(ext))
		icmp := append([]byte{exceeded(six), 0, 0, 0, 0, 0, 0, 0}, append(quote, ext...)...)
		if six {
			icmp[4] = 128 / 8
		} else {
			icmp[5] = 128 / 4
			binary.BigEndian.PutUint16(icmp[2:], wire.Checksum(icmp))
			icmp = inIPv4(hopAddr(9), source4, wire.ProtoICMP, icmp)
		}
		var a arrival
		if _, ok := m.feed(six, icmp, &a); !ok {
			t.Fatal("not taken")
		}
		r := &a.reply
		if len(r.Labels) != 2 || r.Labels[0] != (Label{Label: 16, TC: 6, TTL: 1}) || r.Labels[1] != (Label{Label: 32, Bottom: true, TTL: 255}) {
			t.Errorf("%+v", r.Labels)
		}
		if len(r.Interfaces) != 1 || r.Interfaces[0].Index != 7 || r.Interfaces[0].Addr.String() != "192.0.2.77" ||
			r.Interfaces[0].Name != "e\x1b[31m" || r.Interfaces[0].MTU != 1500 || r.Interfaces[0].Role != Incoming {
			t.Errorf("%+v", r.Interfaces)
		}
		if len(r.Changes) > 0 {
			t.Errorf("%v", r.Changes)
		}
	}
}

// TestShortQuotes: routers that quote no more than RFC 792 wants, 8 bytes behind the IP header, are known by probes of
// every protocol.
func TestShortQuotes(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: "s-x x-a a-b b-c c-t", Boxes: map[string]pathlab.Box{"x": func(in string, p []byte) (string, []byte) {
		if in != "a" {
			return "a", p
		}
		const short = wire.IPv4Len + wire.ICMPQuoteAt + wire.IPv4Len + 8
		if ip, body, ok := wire.ParseIPv4(p); ok && ip.Protocol() == wire.ProtoICMP && body[0] == wire.ICMPv4TimeExceeded {
			p = p[:short]
			wire.IPv4(p).SetTotalLength(short)
			wire.IPv4(p)[:wire.IPv4Len].UpdateChecksum()
			icmp := p[wire.IPv4Len:]
			icmp[2], icmp[3] = 0, 0
			binary.BigEndian.PutUint16(icmp[2:], wire.Checksum(icmp))
		}
		return "s", p
	}}})
	for p := UDP; p < protocols; p++ {
		answers := map[uint8]int{}
		for _, r := range labTrace(t, n, Tracer{Protocol: p, Last: 3}, false) {
			if answers[r.TTL]++; r.Outcome != probe.Answered || r.Kind != Exceeded || n.Name(r.From) != string(rune('a'+r.TTL-1)) {
				t.Errorf("%v: %+v", p, r)
			}
		}
		if len(answers) != 3 || answers[1] != 3 || answers[2] != 3 || answers[3] != 3 {
			t.Errorf("%v: answers %v", p, answers)
		}
	}
}

// TestOtherAddress: a target that answers from another address is reached all the same, and the reply says from where.
func TestOtherAddress(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-x x-t", Boxes: map[string]pathlab.Box{"x": func(in string, p []byte) (string, []byte) {
		if in == "a" {
			return "t", p
		}
		if p[0]>>4 == 4 {
			wire.IPv4(p).SetSource(hopAddr(200))
			wire.IPv4(p)[:wire.IPv4Len].UpdateChecksum()
		}
		return "a", p
	}}})
	reached := 0
	for _, r := range labTrace(t, n, Tracer{}, false) {
		if r.Outcome == probe.Answered && r.TTL >= 2 {
			if reached++; r.Kind != Reached || r.From != hopAddr(200) {
				t.Errorf("%+v", r)
			}
		}
	}
	if reached < 3 {
		t.Errorf("%d answers", reached)
	}
}

// TestOpenPortFar: three SYN probes to an open port that is some time away are all answered: the target is not asked
// again before the kernel's reset has come to it.
func TestOpenPortFar(t *testing.T) {
	delay := impair.Config{Delay: 10 * time.Millisecond}
	c := newChain(t, 3, func(i int) (cfg netlab.LinkConfig) {
		if i == 0 {
			cfg.Impair = &netlab.Impair{AtoB: delay, BtoA: delay, Keep: -1}
		}
		return cfg
	})
	var listener net.Listener
	err := c.far().Do(func() (err error) {
		listener, err = net.Listen("tcp", "[::]:80")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, f := range families {
		got := 0
		for _, r := range traceTo(t, c.near(), Tracer{Protocol: TCP}, c.target(f.six)) {
			if r.TTL == 3 && !r.Duplicate {
				if r.Outcome != probe.Answered || r.Kind != Reached {
					t.Errorf("%+v", r)
				}
				got++
			}
		}
		if got != 3 {
			t.Errorf("%s: %d answers", f.name, got)
		}
	}
}
