package raw

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// forge has a host send what reply makes of each echo request over IPv4, in that order, instead of leaving the answer
// to the kernel. An empty message is a pause.
func forge(t testing.TB, h *netlab.Host, reply func(seq uint16, request []byte) [][]packet.Layer) {
	const pause = 300 * time.Millisecond
	t.Helper()
	if err := h.Sysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	c := open(t, h, ICMP, nil)
	c.SetReadDeadline(time.Time{})
	var group sync.WaitGroup
	group.Go(func() {
		buf, out := make([]byte, 70_000), []byte(nil)
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
			if request[m.HeaderLen] != wire.ICMPv4Echo {
				continue
			}
			for _, layers := range reply(binary.BigEndian.Uint16(request[m.HeaderLen+6:]), request) {
				if len(layers) == 0 {
					time.Sleep(pause)
					continue
				}
				if out, err = packet.Append(out[:0], layers...); err == nil {
					err = c.WritePacket(out, m.From)
				}
				if err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			}
		}
	})
	t.Cleanup(func() {
		c.Close()
		group.Wait()
	})
}

func saysUnreachable(quote []byte) []packet.Layer {
	return []packet.Layer{&packet.ICMPv4{Type: wire.ICMPv4Unreachable, Code: 1}, packet.Payload(slices.Clone(quote))}
}

// damagedCopy is the genuine answer with its checksum and one byte changed.
func damagedCopy(request []byte, at int) []packet.Layer {
	layers := echoReply(request)
	layers[1].(packet.Payload)[at-icmpHeader] ^= 0x40
	sum := wire.Checksum(request[20:])
	layers[0].(*packet.ICMPv4).Checksum = packet.U16(sum ^ 0x1234)
	return layers
}

// TestProofWins sends an error or a damaged copy before the genuine answer to each echo, and after that of others: an
// answer that carries the cookie counts, whatever came before it.
func TestProofWins(t *testing.T) {
	type end struct {
		outcome  probe.Outcome
		cause    probe.Cause
		revised  bool
		was      probe.Outcome
		unproven bool
	}
	answered, revised := end{outcome: probe.Answered}, func(was probe.Outcome) end { return end{outcome: probe.Answered, revised: true, was: was} }
	unproven := end{outcome: probe.Refused, cause: probe.NetworkError, unproven: true}
	proven := end{outcome: probe.Refused, cause: probe.NetworkError}
	corrupt := end{outcome: probe.Corrupt, cause: probe.BadChecksum}
	corruptUnproven := corrupt
	corruptUnproven.unproven = true
	cases := []struct {
		name   string
		send   func(request []byte) [][]packet.Layer
		onRaw  []end
		onPing []end // nil is as on a raw socket
	}{
		{"an error that quotes 8 bytes", func(q []byte) [][]packet.Layer { return [][]packet.Layer{saysUnreachable(q[:28]), echoReply(q)} },
			[]end{unproven, revised(probe.Refused)}, nil},
		{"an error that quotes all", func(q []byte) [][]packet.Layer { return [][]packet.Layer{saysUnreachable(q), echoReply(q)} },
			[]end{proven, revised(probe.Refused)}, nil},
		{"an error that quotes another cookie", func(q []byte) [][]packet.Layer {
			other := slices.Clone(q)
			other[28] ^= 1
			return [][]packet.Layer{saysUnreachable(other), echoReply(q)}
		}, []end{answered}, nil},
		{"an error that quotes 8 bytes, then one that quotes all", func(q []byte) [][]packet.Layer { return [][]packet.Layer{saysUnreachable(q[:28]), saysUnreachable(q)} },
			[]end{unproven, {outcome: probe.Refused, cause: probe.NetworkError, revised: true, was: probe.Refused}}, nil},
		{"an error that says that the echo was too large for what it fits", func(q []byte) [][]packet.Layer {
			return [][]packet.Layer{{&packet.ICMPv4{Type: wire.ICMPv4Unreachable, Code: 4, MTU: 84}, packet.Payload(slices.Clone(q))}, echoReply(q)}
		}, []end{unproven, revised(probe.Refused)}, nil},
		{"a damaged copy without the cookie", func(q []byte) [][]packet.Layer { return [][]packet.Layer{damagedCopy(q, 10), echoReply(q)} },
			[]end{corruptUnproven, revised(probe.Corrupt)}, []end{answered}},
		{"a damaged copy with the cookie", func(q []byte) [][]packet.Layer { return [][]packet.Layer{damagedCopy(q, 40), echoReply(q)} },
			[]end{corrupt, revised(probe.Corrupt)}, []end{answered}},
		// The last, for which the run waits however slow this machine is.
		{"an error after the answer", func(q []byte) [][]packet.Layer { return [][]packet.Layer{echoReply(q), saysUnreachable(q[:28])} },
			[]end{answered}, nil},
	}
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	forge(t, b, func(seq uint16, request []byte) [][]packet.Layer { return cases[int(seq-1)%len(cases)].send(request) })
	sockets(t, func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: len(cases), Interval: 2 * time.Millisecond, Timeout: 10 * time.Second, Socket: kind, Family: 4}
		echoes, _ := ping(t, a, &p, one(b.Addr4()))
		got := map[int][]end{}
		for _, e := range echoes {
			got[e.Seq] = append(got[e.Seq], end{e.Outcome, e.Cause, e.Revised, e.Was, e.Unproven})
			if !e.Alive && answers(e.Outcome) {
				t.Errorf("answered and not alive: %+v", e)
			}
		}
		for i, c := range cases {
			want := c.onRaw
			if kind == PingSocket && c.onPing != nil {
				want = c.onPing
			}
			ends := got[i+1]
			if kind == PingSocket && len(ends) == 1 && len(want) == 2 && ends[0].outcome == want[1].outcome {
				continue // its errors and its answers come by two ways: if both are there, the answer is seen first
			}
			if !slices.Equal(ends, want) {
				t.Errorf("%s: got %+v, want %+v", c.name, ends, want)
			}
		}
	})
}

// TestUnprovenEndIsProvisional has the genuine answer come long after an error that proves nothing: the only echo is
// not given up until its timeout. Of one that is proven, the run is over at once.
func TestUnprovenEndIsProvisional(t *testing.T) {
	_, a, b := netlab.Two(t)
	var quote atomic.Int32
	quote.Store(28)
	forge(t, b, func(_ uint16, request []byte) [][]packet.Layer {
		return [][]packet.Layer{saysUnreachable(request[:quote.Load()]), nil, echoReply(request)}
	})
	for _, p := range []Pinger{{}, {Retries: 2}, {Retries: 2, Gap: time.Millisecond, Slack: 10 * time.Millisecond}} {
		begun := time.Now()
		p.Count, p.Timeout, p.Family, p.Socket = 1, 20*time.Second, 4, RawSocket
		echoes, _ := ping(t, a, &p, one(b.Addr4()))
		if len(echoes) != 2 || echoes[0].Outcome != probe.Refused || !echoes[0].Unproven || !echoes[1].Revised || echoes[1].Outcome != probe.Answered ||
			!echoes[1].Done || !echoes[1].Alive {
			t.Errorf("retries %d: %+v", p.Retries, echoes)
		}
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("retries %d, slack %v: the run was over %v after the answer", p.Retries, p.Slack, took)
		}
	}
	quote.Store(84)
	begun := time.Now()
	p := Pinger{Count: 1, Timeout: 20 * time.Second, Family: 4, Socket: RawSocket}
	if echoes, _ := ping(t, a, &p, one(b.Addr4())); len(echoes) != 1 || echoes[0].Outcome != probe.Refused || echoes[0].Unproven {
		t.Errorf("proven: %+v", echoes)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("a proven end was waited for %v", took)
	}
}

// TestLateWhileTheRunLasts has an answer come after its echo was given up, while others are sent.
func TestLateWhileTheRunLasts(t *testing.T) {
	const count = 12
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	var held []packet.Layer
	forge(t, b, func(seq uint16, request []byte) [][]packet.Layer {
		switch reply := echoReply(request); seq {
		case 1:
			held = reply
			return nil
		case count - 1:
			return [][]packet.Layer{held, reply, held}
		default:
			return [][]packet.Layer{reply}
		}
	})
	sockets(t, func(t *testing.T, kind SocketKind) {
		p := Pinger{Count: count, Interval: 30 * time.Millisecond, Timeout: 50 * time.Millisecond, Socket: kind, Family: 4}
		echoes, _ := ping(t, a, &p, one(b.Addr4()))
		var first []Echo
		for _, e := range echoes {
			if e.Seq == 1 {
				first = append(first, e)
			}
		}
		// On a machine that is stopped meanwhile the answer may be there before the echo is given up.
		if len(first) == 3 {
			if first[0].Outcome != probe.Lost || !first[1].Revised || first[1].Was != probe.Lost || first[1].WasCause != probe.Unanswered {
				t.Errorf("%+v", first)
			}
			first = first[1:]
		}
		if len(first) != 2 || first[0].Outcome != probe.Late || first[0].Over <= 0 || !first[0].Reordered || !first[1].Duplicate {
			t.Errorf("%+v", first)
		}
	})
}

// TestLongerReply has a host answer with more than was asked and a right checksum: that is not a wrong checksum,
// however much longer it is than the buffer.
func TestLongerReply(t *testing.T) {
	_, a, b := netlab.Two(t)
	forge(t, b, func(seq uint16, request []byte) [][]packet.Layer {
		reply := echoReply(request)
		more := []int{1, 400, 600, 1300}[seq-1]
		reply[1] = append(reply[1].(packet.Payload), make([]byte, more)...)
		return [][]packet.Layer{reply}
	})
	p := Pinger{Count: 4, Interval: time.Millisecond, Socket: RawSocket, Family: 4}
	echoes, _ := ping(t, a, &p, one(b.Addr4()))
	if len(echoes) != 4 {
		t.Fatalf("%+v", echoes)
	}
	for _, e := range echoes {
		size := 64 + []int{1, 400, 600, 1300}[e.Seq-1]
		if e.Outcome != probe.Corrupt || e.Cause != probe.BadPayload || e.At != 64 || e.Size != size {
			t.Errorf("want %d bytes: %+v", size, e)
		}
	}
}

// deadNeighbours is a host with a link on which it has to ask for addresses that nobody has.
func deadNeighbours(t *testing.T, n int) (a *netlab.Host, dead4, dead6 []netip.Addr) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	a, _ = lab.Host("a")
	b, err := lab.Host("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Link(a, b, netlab.LinkConfig{Resolve: true}); err != nil {
		t.Fatal(err)
	}
	// Not three seconds until it is known.
	for _, family := range []string{"ipv4", "ipv6"} {
		if err := a.Sysctl("net."+family+".neigh."+a.Ifname()+".retrans_time_ms", "100"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		dead4 = append(dead4, netip.AddrFrom4([4]byte{10, 0, 1, byte(3 + i)}))
		six := a.Addr6().As16()
		six[15] = byte(3 + i)
		dead6 = append(dead6, netip.AddrFrom16(six))
	}
	return a, dead4, dead6
}

// TestUnresolved sends to hosts that are not there, on the run's own link: nothing gets onto the wire, and that is what
// each echo ends in, whether the kernel says so in time or not. While they fill the send buffer, the processor is not
// spent.
func TestUnresolved(t *testing.T) {
	a, dead4, dead6 := deadNeighbours(t, 20)
	allowPing(t, a)
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, p := range []Pinger{
			{Count: 1, Gap: time.Millisecond, Slack: 10 * time.Millisecond, Timeout: 100 * time.Millisecond, SendBuffer: 1},
			{Count: 1, Timeout: 100 * time.Millisecond, SendBuffer: 1},
			{Count: 1, Timeout: 200 * time.Millisecond},
			{Count: 1, Timeout: 10 * time.Second}, // after which the kernel has said it
		} {
			for _, targets := range [][]netip.Addr{dead4, dead6} {
				p.Socket = kind
				before, begun := processorTime(t), time.Now()
				echoes, _ := ping(t, a, &p, slices.Values(targets))
				took, used := time.Since(begun), processorTime(t)-before
				if used > took/4 && used > 300*time.Millisecond {
					t.Errorf("%+v: %v of processor time in %v", p, used, took)
				}
				ends := 0
				for _, e := range echoes {
					if e.Cause != probe.Unresolved || e.Outcome != probe.Lost {
						t.Errorf("%+v", e)
					}
					if !e.Revised {
						ends++
					}
				}
				if ends != len(targets) {
					t.Errorf("%d ends of %d", ends, len(targets))
				}
			}
		}
	})
}

func processorTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestSendBufferFull ends a run whose send buffer is full of echoes that wait for their next hop.
func TestSendBufferFull(t *testing.T) {
	a, dead, _ := deadNeighbours(t, 100)
	for _, slack := range []time.Duration{0, 10 * time.Millisecond} {
		p := Pinger{Count: 1, Gap: time.Millisecond, Slack: slack, SendBuffer: 1, Family: 4, Socket: RawSocket, Timeout: 20 * time.Second}
		begun := time.Now()
		run := start(t, a, &p)
		stop := time.AfterFunc(200*time.Millisecond, func() { run.stop(errors.New("enough")) })
		defer stop.Stop()
		ends := 0
		for _, err := range run.Echoes(slices.Values(dead)) {
			if err != nil {
				t.Fatal(err)
			}
			ends++
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("slack %v: it took %v to stop", slack, took)
		}
	}
}

// TestOneAddressOneName has a link-local address come back with the zone it was given with, and this host's answer to
// its own multicast be no sign of a moved clock.
func TestOneAddressOneName(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	own, local := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
	for _, err := range []error{
		a.AddAddr(a.Ifname(), netip.PrefixFrom(own, 64)), b.AddAddr(b.Ifname(), netip.PrefixFrom(local, 64)),
		a.AddNeighbour(a.Ifname(), local, b.MAC()), b.AddNeighbour(b.Ifname(), own, a.MAC()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, zone := range []string{a.Ifname(), strconv.Itoa(a.Ifindex())} {
			p := Pinger{Count: 1, Socket: kind}
			echoes, _ := ping(t, a, &p, one(local.WithZone(zone)))
			if len(echoes) != 1 || echoes[0].From != local.WithZone(zone) || echoes[0].Outcome != probe.Answered {
				t.Errorf("zone %s: %+v", zone, echoes)
			}
		}
		p := Pinger{Count: 5, Interval: 10 * time.Millisecond, Timeout: 300 * time.Millisecond, Socket: kind, Stamps: StampsOn}
		echoes, report := ping(t, a, &p, one(netip.MustParseAddr("ff02::1").WithZone(a.Ifname())))
		ours := 0
		for _, e := range echoes {
			if e.From.Zone() != a.Ifname() {
				t.Errorf("from %v", e.From)
			}
			if e.From.WithZone("") == own {
				ours++
			}
		}
		if ours != 5 || report.ClockSteps != 0 {
			t.Errorf("%d answers of this host, %d clock steps", ours, report.ClockSteps)
		}
	})
}

// TestUnknownErrorSix has a host send an ICMPv6 error of a type that nobody has defined and no answer: it ends nothing.
func TestUnknownErrorSix(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	const unassigned = 5
	c := open(t, b, ICMPv6, nil)
	answerEchoes(t, b, func(request []byte, m Meta) []packet.Layer {
		message, err := packet.Append(nil, &packet.ICMPv6{Type: unassigned}, packet.Payload(slices.Clone(request)))
		if err == nil {
			err = c.WritePacket(message, m.From)
		}
		if err != nil {
			t.Error(err)
		}
		return nil
	})
	sockets(t, func(t *testing.T, kind SocketKind) {
		echoes, _ := ping(t, a, &Pinger{Count: 3, Interval: time.Millisecond, Timeout: 200 * time.Millisecond, Socket: kind}, one(b.Addr6()))
		if len(echoes) != 3 {
			t.Errorf("%+v", echoes)
		}
		for _, e := range echoes {
			if e.Outcome != probe.Lost {
				t.Errorf("%+v", e)
			}
		}
	})
}
