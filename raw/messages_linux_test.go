package raw

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/probe"
)

// TestExtendedEcho asks a kernel after its interfaces (RFC 8335), by name, index and address, in both families.
func TestExtendedEcho(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	if err := b.Sysctl("net.ipv4.icmp_echo_enable_probe", "1"); err != nil {
		t.Fatal(err)
	}
	const active = 4
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, target := range []netip.Addr{b.Addr4(), b.Addr6()} {
			for _, tc := range []struct {
				ask  ProbeInterface
				code uint8
			}{{ProbeInterface{Name: b.Ifname()}, 0}, {ProbeInterface{Index: uint32(b.Ifindex())}, 0}, {ProbeInterface{Addr: b.Addr4()}, 0}, {ProbeInterface{Addr: b.Addr6()}, 0},
				{ProbeInterface{Name: "nosuch0"}, 2}, {ProbeInterface{Index: 4711}, 2}} {
				p := Pinger{Count: 1, Message: ExtendedEcho, Interface: tc.ask, Socket: kind}
				echoes, _ := ping(t, a, &p, one(target))
				if len(echoes) != 1 || echoes[0].Outcome != probe.Answered || echoes[0].State>>4 != tc.code || tc.code == 0 && echoes[0].State&active == 0 {
					t.Errorf("%v after %+v: %+v", target, tc.ask, echoes)
				}
			}
		}
	})
}

// TestTimestampRequest asks a kernel for the time of day.
func TestTimestampRequest(t *testing.T) {
	_, a, b := netlab.Two(t)
	p := Pinger{Count: 2, Interval: 5 * time.Millisecond, Message: TimestampRequest}
	echoes, _ := ping(t, a, &p, one(b.Addr4()))
	if len(echoes) != 2 {
		t.Fatalf("%+v", echoes)
	}
	now := time.Now().UTC()
	today := now.Sub(now.Truncate(24 * time.Hour))
	for _, e := range echoes {
		for _, ms := range e.Times[1:] {
			// Midnight may have passed in between.
			if off := (today - time.Duration(ms)*time.Millisecond + 36*time.Hour) % (24 * time.Hour); (off - 12*time.Hour).Abs() > time.Minute {
				t.Errorf("%v: %d ms is %v off", e.Outcome, ms, off-12*time.Hour)
			}
		}
	}
}

// TestLinkLocal pings by an address that means something on one link only.
func TestLinkLocal(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	target := netip.MustParseAddr("fe80::b")
	if err := b.AddAddr(b.Ifname(), netip.PrefixFrom(target, 64)); err != nil {
		t.Fatal(err)
	}
	if err := a.AddAddr(a.Ifname(), netip.MustParsePrefix("fe80::a/64")); err != nil {
		t.Fatal(err)
	}
	sockets(t, func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: 2, Interval: 5 * time.Millisecond, Socket: kind, Timeout: 5 * time.Second}
		echoes, _ := ping(t, a, &p, one(target.WithZone(strconv.Itoa(a.Ifindex()))))
		for _, e := range echoes {
			if e.Outcome != probe.Answered || e.From.WithZone("") != target {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestPayloadGivesNoTime has a host rewrite, with a right checksum, the part of the payload where ping keeps the time
// (CVE-2025-47268): no round trip is touched.
func TestPayloadGivesNoTime(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	answerEchoes(t, b, func(request []byte, m Meta) []packet.Layer {
		layers := echoReply(request)
		payload := slices.Clone(layers[1].(packet.Payload))
		binary.NativeEndian.PutUint64(payload[16:], uint64(time.Now().Add(-time.Hour).Unix()))
		layers[1] = payload
		return layers
	})
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, target := range []netip.Addr{b.Addr4(), b.Addr6()} {
			p := Pinger{Count: 3, Interval: 5 * time.Millisecond, Socket: kind}
			before := time.Now()
			echoes, _ := ping(t, a, &p, one(target))
			for _, e := range echoes {
				if e.Outcome != probe.Corrupt || e.RTT <= 0 || e.RTT > time.Since(before) || e.At < icmpHeader+16 {
					t.Errorf("%+v", e)
				}
			}
		}
	})
}

// TestForeignReplies has another run flood from the same host: the kernel's filter keeps its answers away.
func TestForeignReplies(t *testing.T) {
	_, a, b := netlab.Two(t)
	other := start(t, a, &Pinger{Count: 2000, Window: 32, Interval: 10 * time.Millisecond, Family: 4, base: 0x2220})
	mine := start(t, a, &Pinger{Count: 10, Interval: 5 * time.Millisecond, Family: 4, base: 0x1110})
	done := make(chan int)
	go func() {
		n := 0
		for e, err := range other.Echoes(one(b.Addr4())) {
			if err == nil && e.Outcome == probe.Answered {
				n++
			}
		}
		done <- n
	}()
	for e, err := range mine.Echoes(one(b.Addr4())) {
		if err != nil || e.Outcome != probe.Answered {
			t.Error(e, err)
		}
	}
	n := <-done
	if r := mine.Report(); n == 0 || r.Foreign+r.Spoofed != 0 {
		t.Errorf("%d answers to another: %d came through the filter", n, r.Foreign+r.Spoofed)
	}
}

// TestUnusedSocket leaves foreign packets in a socket on which nothing is sent, and so nothing is read: the run ends
// all the same.
func TestUnusedSocket(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := b.Sysctl("net.ipv6.icmp.echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	mine := start(t, a, &Pinger{Count: 1, Slack: time.Millisecond, Timeout: 50 * time.Millisecond, base: 0x1110})
	for e, err := range start(t, a, &Pinger{Count: 3, Interval: time.Millisecond, Family: 4, base: 0x1110}).Echoes(one(b.Addr4())) {
		if err != nil || e.Outcome != probe.Answered {
			t.Fatal(e, err)
		}
	}
	if mine.links[0].queued() == 0 {
		t.Fatal("the answers to another passed by")
	}
	hung := time.AfterFunc(20*time.Second, func() {
		t.Error("does not end")
		mine.shut()
	})
	defer hung.Stop()
	for e, err := range mine.Echoes(one(b.Addr6())) {
		if err != nil || e.Outcome != probe.Lost {
			t.Error(e, err)
		}
	}
}
