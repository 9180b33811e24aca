package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// answerEchoes has a host answer echo requests with what reply makes of them instead of leaving it to the kernel.
// request is the IP packet as it came; for IPv6, which raw sockets deliver without, its header is made up from what is
// known.
func answerEchoes(t testing.TB, h *netlab.Host, reply func(request []byte, m Meta) []packet.Layer) {
	t.Helper()
	for name, value := range map[string]string{"net.ipv4.icmp_echo_ignore_all": "1", "net.ipv6.icmp.echo_ignore_all": "1"} {
		if err := h.Sysctl(name, value); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	var conns []*Conn
	for _, proto := range []Protocol{ICMP, ICMPv6} {
		c := open(t, h, proto, nil)
		conns = append(conns, c)
		c.SetReadDeadline(time.Time{})
		group.Go(func() {
			buf, out := make([]byte, 2000), []byte(nil)
			for {
				m, err := c.ReadPacket(buf)
				if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				request := buf[:m.N]
				if typ := request[m.HeaderLen]; typ != wire.ICMPv4Echo && typ != wire.ICMPv6Echo {
					continue
				}
				if proto == ICMPv6 {
					request, err = packet.Append(nil, &packet.IPv6{Src: m.From, Dst: m.To, NextHeader: packet.U8(58), HopLimit: packet.U8(1)}, packet.Payload(request))
					if err != nil {
						t.Error(err)
						return
					}
				}
				layers := reply(request, m)
				if layers == nil {
					continue
				}
				if out, err = packet.Append(out[:0], layers...); err == nil {
					err = c.WritePacket(out, m.From)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
		group.Wait()
	})
}

type icmpError struct {
	typ, code uint8
	mtu       int
}

// TestICMPErrors has a host answer each echo with another ICMP error, all that end an echo, and expects each with the
// right echo: on a raw socket, which sees the message itself, and on a ping socket, which has the error queue only.
func TestICMPErrors(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	four := []icmpError{{11, 0, 0}, {11, 1, 0}, {12, 0, 0}, {12, 1, 0}, {12, 2, 0}}
	for code := range uint8(16) {
		mtu := 0
		if code == 4 {
			mtu = 1111
		}
		four = append(four, icmpError{3, code, mtu})
	}
	six := []icmpError{{2, 0, 1300}, {3, 0, 0}, {3, 1, 0}, {4, 0, 0}, {4, 1, 0}, {4, 2, 0}}
	for code := range uint8(8) {
		six = append(six, icmpError{1, code, 0})
	}
	answerEchoes(t, b, func(request []byte, m Meta) []packet.Layer {
		if request[0]>>4 == 4 {
			e := four[int(binary.BigEndian.Uint16(request[26:])-1)%len(four)]
			return []packet.Layer{&packet.ICMPv4{Type: e.typ, Code: e.code, MTU: uint16(e.mtu)}, packet.Payload(request[:28])}
		}
		e := six[int(binary.BigEndian.Uint16(request[46:])-1)%len(six)]
		return []packet.Layer{&packet.ICMPv6{Type: e.typ, Code: e.code, MTU: uint32(e.mtu)}, packet.Payload(request)}
	})
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, tc := range []struct {
			target netip.Addr
			errors []icmpError
		}{{b.Addr4(), four}, {b.Addr6(), six}} {
			p := Pinger{Count: len(tc.errors), Interval: 2 * time.Millisecond, Socket: kind, Fragment: FragmentProbe}
			echoes, _ := ping(t, a, &p, one(tc.target))
			seen := 0
			for _, e := range echoes {
				want := tc.errors[e.Seq-1]
				if want == (icmpError{11, 1, 0}) && kind == PingSocket {
					// The kernel tells nobody but raw sockets of a reassembly that took too long.
					if e.Outcome == probe.Lost {
						seen++
						continue
					}
				}
				if e.Outcome != probe.Refused || e.Cause != probe.NetworkError || e.Type != want.typ || e.Code != want.code || e.MTU != want.mtu || e.From != tc.target || e.Local {
					t.Errorf("%v echo %d: want %+v, got %+v", tc.target, e.Seq, want, e)
				}
				if text := ErrorText(e.Target.Is6(), e.Type, e.Code); text == "" {
					t.Errorf("type %d code %d has no text", e.Type, e.Code)
				}
				seen++
			}
			if seen != len(tc.errors) {
				t.Errorf("%v: %d of %d", tc.target, seen, len(tc.errors))
			}
		}
	})
}

// routed is a lab of a host, a router and a host behind a narrower link; a packet to 198.51.100.0/24 is prohibited.
func routed(t *testing.T) (a, r, b *netlab.Host) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	a, _ = lab.Host("a")
	r, _ = lab.Router("r")
	if b, err = lab.Host("b"); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Link(a, r, netlab.LinkConfig{}); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Link(r, b, netlab.LinkConfig{MTU: 1400}); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv6.icmp.ratelimit": "0"} {
		if err := r.Sysctl(name, value); err != nil {
			t.Fatal(err)
		}
	}
	prohibited := netip.MustParsePrefix("198.51.100.0/24")
	if err := r.AddRoute(netlab.Route{Dst: prohibited, Kind: netlab.Prohibit}); err != nil {
		t.Fatal(err)
	}
	if err := a.AddRoute(netlab.Route{Dst: prohibited, Via: r.Addr4()}); err != nil {
		t.Fatal(err)
	}
	return a, r, b
}

// TestRouterErrors lets real kernels answer: a router that the hop limit ends at, a route that refuses, a link that is
// too narrow.
func TestRouterErrors(t *testing.T) {
	sockets(t, func(t *testing.T, kind SocketKind) {
		a, r, b := routed(t)
		allowPing(t, a)
		for _, tc := range []struct {
			name     string
			p        Pinger
			target   netip.Addr
			from     netip.Addr
			typ, cod uint8
			mtu      int
		}{
			// This one comes first: an unlimited ICMP error leaves the kernel no credit for one about a route.
			{"prohibited", Pinger{}, netip.MustParseAddr("198.51.100.7"), r.Addr4(), 3, 13, 0},
			{"hop limit", Pinger{TTL: 1}, b.Addr4(), r.Addr4(), 11, 0, 0},
			{"hop limit, IPv6", Pinger{TTL: 1}, b.Addr6(), r.Addr6(), 3, 0, 0},
			{"too large", Pinger{Size: 1450, Fragment: FragmentProbe}, b.Addr4(), r.Addr4(), 3, 4, 1400},
			{"too large, IPv6", Pinger{Size: 1440, Fragment: FragmentProbe}, b.Addr6(), r.Addr6(), 2, 0, 1400},
		} {
			tc.p.Count, tc.p.Socket = 1, kind
			echoes, _ := ping(t, a, &tc.p, one(tc.target))
			if len(echoes) != 1 {
				t.Fatalf("%s: %+v", tc.name, echoes)
			}
			if e := echoes[0]; e.Outcome != probe.Refused || e.From != tc.from || e.Type != tc.typ || e.Code != tc.cod || e.MTU != tc.mtu {
				t.Errorf("%s: %+v", tc.name, e)
			}
		}
		for _, tc := range []struct {
			target netip.Addr
			mtu    int
		}{{r.Addr4(), 1500}, {r.Addr6(), 1500}, {b.Addr6(), 1400}} { // the last was learnt above
			p := Pinger{Count: 3, Interval: time.Millisecond, Size: 3000, Fragment: FragmentDo, Socket: kind}
			echoes, _ := ping(t, a, &p, one(tc.target))
			if len(echoes) != 3 {
				t.Errorf("too large for the way to %v: %d ends", tc.target, len(echoes))
			}
			for _, e := range echoes {
				if e.Cause != probe.SendFailed || e.Err != syscall.EMSGSIZE || e.MTU != tc.mtu {
					t.Errorf("too large for the way to %v: %+v", tc.target, e)
				}
			}
		}
	})
}

// TestSpoofedAndDamaged has a host answer with the right numbers and wrong contents.
func TestSpoofedAndDamaged(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	const damageAt = 40
	answerEchoes(t, b, func(request []byte, m Meta) []packet.Layer {
		header, v6 := 20, request[0]>>4 == 6
		if v6 {
			header = 40
		}
		echo := request[header:]
		id, seq := binary.BigEndian.Uint16(echo[4:]), binary.BigEndian.Uint16(echo[6:])
		payload := slices.Clone(echo[8:])
		switch seq {
		case 1: // the cookie is not known
			payload[3] ^= 1
		case 2: // changed behind the cookie, with a checksum that is right
			payload[damageAt-8] ^= 0x10
		case 3: // cut short
			payload = payload[:30]
		}
		if v6 {
			return []packet.Layer{&packet.ICMPv6{Type: 129, ID: id, Seq: seq}, packet.Payload(payload)}
		}
		return []packet.Layer{&packet.ICMPv4{Type: 0, ID: id, Seq: seq}, packet.Payload(payload)}
	})
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, target := range []netip.Addr{b.Addr4(), b.Addr6()} {
			p := Pinger{Count: 4, Interval: 3 * time.Millisecond, Timeout: 200 * time.Millisecond, Socket: kind}
			echoes, report := ping(t, a, &p, one(target))
			got := map[int]Echo{}
			for _, e := range echoes {
				got[e.Seq] = e
			}
			if e := got[1]; e.Outcome != probe.Lost || report.Spoofed != 1 {
				t.Errorf("spoofed: %+v, %d", e, report.Spoofed)
			}
			if e := got[2]; e.Outcome != probe.Corrupt || e.Cause != probe.BadPayload || e.At != damageAt {
				t.Errorf("damaged: %+v", e)
			}
			if e := got[3]; e.Outcome != probe.Corrupt || e.At != 8+30 {
				t.Errorf("cut short: %+v", e)
			}
			if e := got[4]; e.Outcome != probe.Answered {
				t.Errorf("whole: %+v", e)
			}
		}
	})
}

// TestManyRunsSideBySide makes collisions certain: all runs use the same block of identifiers and the same sequence
// numbers, so that each socket gets the replies of all. Whatever is credited to the wrong run would be a duplicate or
// come from the wrong target.
func TestManyRunsSideBySide(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Kind: netlab.Local}); err != nil {
		t.Fatal(err)
	}
	if err := a.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: b.Addr4()}); err != nil {
		t.Fatal(err)
	}
	const runs, targets, count = 20, 10, 5
	var group sync.WaitGroup
	for i := range runs {
		group.Go(func() {
			p := Pinger{Count: count, Interval: 5 * time.Millisecond, Family: 4, base: 0x1230, Timeout: 5 * time.Second}
			echoes, report, err := pingOn(context.Background(), a, &p, func(yield func(netip.Addr) bool) {
				for k := range targets {
					if !yield(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + (i+k)%250)})) {
						return
					}
				}
			})
			if err != nil {
				t.Error(err)
				return
			}
			ends := 0
			for _, e := range echoes {
				if e.Duplicate || e.Outcome != probe.Answered || e.From != e.Target || e.Target.As4()[3] != byte(1+(i+e.Index)%250) {
					t.Errorf("run %d: %+v", i, e)
				}
				ends++
			}
			if ends != targets*count {
				t.Errorf("run %d: %d ends", i, ends)
			}
			// Replies of other runs to the same numbers are told by their cookie.
			if report.Spoofed+report.Foreign == 0 {
				t.Errorf("run %d saw no reply of another run: the test shows nothing", i)
			}
		})
	}
	group.Wait()
}

// TestSweep sends to many hosts of which some do not answer, with retries.
func TestSweep(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	alive := netip.MustParsePrefix("198.51.100.0/25")
	if err := b.AddRoute(netlab.Route{Dst: alive, Kind: netlab.Local}); err != nil {
		t.Fatal(err)
	}
	if err := b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.128/25"), Kind: netlab.Blackhole}); err != nil {
		t.Fatal(err)
	}
	if err := a.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: b.Addr4()}); err != nil {
		t.Fatal(err)
	}
	sockets(t, func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: 1, Retries: 2, Backoff: 2, Timeout: 100 * time.Millisecond, Socket: kind, Stamps: StampsOff}
		echoes, _ := ping(t, a, &p, func(yield func(netip.Addr) bool) {
			for k := range 256 {
				if !yield(netip.AddrFrom4([4]byte{198, 51, 100, byte(k)})) {
					return
				}
			}
		})
		done, sent := map[netip.Addr]bool{}, map[netip.Addr]int{}
		for _, e := range echoes {
			sent[e.Target]++
			if !e.Done {
				continue
			}
			if _, twice := done[e.Target]; twice {
				t.Errorf("%v is done twice", e.Target)
			}
			done[e.Target] = true
			if e.Alive != alive.Contains(e.Target) {
				t.Errorf("%v: alive is %v", e.Target, e.Alive)
			}
		}
		for target, n := range sent {
			if want := map[bool]int{true: 1, false: 3}[alive.Contains(target)]; n != want {
				t.Errorf("%v was sent %d echoes, want %d", target, n, want)
			}
		}
		if len(done) != 256 {
			t.Errorf("%d hosts done", len(done))
		}
	})
}

// TestNumbersWrap sends more echoes than a sequence number can tell apart.
func TestNumbersWrap(t *testing.T) {
	if testing.Short() {
		t.Skip("70,000 echoes are not sent in a short run")
	}
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	const count = 70_000
	sockets(t, func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: count, Window: 64, Interval: 10 * time.Millisecond, Timeout: 5 * time.Second, Socket: kind, Stamps: StampsOff, Family: 4}
		run := start(t, a, &p)
		seen := make([]bool, count+1)
		for e, err := range run.Echoes(one(b.Addr4())) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Outcome != probe.Answered || e.Duplicate || seen[e.Seq] || int(e.N) != e.Seq {
				t.Fatalf("%+v", e)
			}
			seen[e.Seq] = true
		}
		if slices.Contains(seen[1:], false) {
			t.Error("an echo did not end")
		}
	})
}

func start(t testing.TB, h *netlab.Host, p *Pinger) *Run {
	t.Helper()
	var run *Run
	if err := h.Do(func() (err error) { run, err = p.Start(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	return run
}
