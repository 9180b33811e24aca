//go:build amd64 || arm64

package drop_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/drop"
)

// talk is a TCP connection to b whose client this test is: it may send what no kernel would.
type talk struct {
	s        *stage
	live     *capture.Live
	listener *net.TCPListener
	conn     net.Conn // b's end
	cookie   uint64
	port     int    // of the client
	seq, ack uint32 // of the client, next
}

// ghost is the client's address, which no host has.
const ghost = "10.0.1.77"

// listen makes a listener at b with a backlog.
func (s *stage) listen(backlog int) *talk {
	s.t.Helper()
	k := &talk{s: s, port: 1000}
	s.must(s.b.AddNeighbour(s.b.Ifname(), netip.MustParseAddr(ghost), s.a.MAC()))
	s.must(s.b.Do(func() (err error) {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // its sockets have one within, which has another cookie
		l, err := config.Listen(context.Background(), "tcp4", net.JoinHostPort(s.b.Addr4().String(), "80"))
		if err == nil {
			k.listener = l.(*net.TCPListener)
		}
		return err
	}))
	s.t.Cleanup(func() { k.listener.Close() })
	if backlog >= 0 {
		control(s.t, k.listener, func(fd int) error { return unix.Listen(fd, backlog) })
	}
	s.must(s.a.Do(func() (err error) {
		k.live, err = capture.Open(context.Background(), s.a.Ifname(), &capture.Config{Immediate: true})
		return err
	}))
	s.t.Cleanup(func() { k.live.Close() })
	return k
}

// say sends a segment: fields of it, and what follows.
func (k *talk) say(fields, rest string) {
	k.s.t.Helper()
	if rest == "" {
		rest = fmt.Sprintf("/hex{%x}", marker)
	} else if rest == "-" {
		rest = ""
	}
	k.s.frame("ip{src=%s,dst=BIP}/tcp{sport=%d,dport=80,%s}%s", ghost, k.port, fields, rest)
}

// heard waits for a segment of b with these flags, and returns its sequence number.
func (k *talk) heard(flags uint16) uint32 {
	k.s.t.Helper()
	var d decode.Decoder
	var p decode.Packet
	var f capture.Frame
	k.s.must(k.live.SetReadDeadline(time.Now().Add(20 * time.Second)))
	for {
		k.s.must(k.live.Next(&f))
		_ = d.Decode(f, &p)
		if i := p.FindInner(decode.TypeTCP); i >= 0 && int(p.TCP(i).DestinationPort()) == k.port && uint16(p.TCP(i).Flags())&0x17 == flags {
			return p.TCP(i).Sequence()
		}
	}
}

// open makes the handshake and accepts.
func (k *talk) open(options string) *talk {
	k.s.t.Helper()
	k.shake(options)
	var err error
	k.conn, err = k.listener.Accept()
	k.s.must(err)
	k.s.t.Cleanup(func() { k.conn.Close() })
	k.cookie = cookie(k.s.t, k.conn)
	return k
}

func (k *talk) shake(options string) {
	k.s.t.Helper()
	k.seq = 5000
	k.say(fmt.Sprintf("seq=%d,flags=S%s", k.seq, options), "-")
	k.seq++
	k.ack = k.heard(0x12) + 1
	k.say(fmt.Sprintf("seq=%d,ack=%d,flags=A%s", k.seq, k.ack, options), "-")
}

// read waits until b has read n bytes.
func (k *talk) read(n int) {
	k.s.t.Helper()
	k.s.must(k.conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	for b := make([]byte, n); n > 0; {
		m, err := k.conn.Read(b[:n])
		k.s.must(err)
		n -= m
	}
}

// receiver is what a drop of one packet of the connection must say.
func (k *talk) receiver() expected { return expected{n: 1, cookie: k.cookie, role: drop.Receiver} }

const stamps = ",options=[ts{val=%d,ecr=0},nop,nop]"

// segments are the ways in which TCP drops what it receives.
var segments = []lossCase{
	{name: "TCP too small", reason: "PKT_TOO_SMALL", counter: "Tcp InErrs", run: func(s *stage) expected {
		s.frame("ip{src=AIP,dst=BIP}/tcp{sport=1000,dport=9,flags=S,doff=3}/hex{%x}", marker)
		return expected{n: 1}
	}},
	{name: "old data", reason: "TCP_OLD_DATA", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack), "")
		k.read(len(marker))
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack), "")
		return k.receiver()
	}},
	{name: "beyond the window", reason: "TCP_INVALID_SEQUENCE", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq+10_000_000, k.ack), "")
		return k.receiver()
	}},
	{name: "PAWS", reason: "TCP_RFC7323_PAWS", counter: "TcpExt PAWSEstab", run: func(s *stage) expected {
		k := s.listen(-1).open(fmt.Sprintf(stamps, 1000000))
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack)+fmt.Sprintf(stamps, 5), "")
		return k.receiver()
	}},
	{name: "acknowledges what was not sent", reason: "TCP_ACK_UNSENT_DATA", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack+1000), "")
		return k.receiver()
	}},
	{name: "acknowledges what is long past", reason: "TCP_TOO_OLD_ACK", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack-100_000_000), "")
		return k.receiver()
	}},
	{name: "SYN in a connection", reason: "TCP_INVALID_SYN", counter: "TcpExt TCPSYNChallenge", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,flags=S", k.seq), "")
		return k.receiver()
	}},
	{name: "no acknowledgement", reason: "TCP_FLAGS", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		k.say(fmt.Sprintf("seq=%d,flags=P", k.seq), "")
		return k.receiver()
	}},
	{name: "out of order twice", reason: "TCP_OFOMERGE", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		for range 2 {
			k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq+100, k.ack), "")
		}
		e := k.receiver()
		return e
	}},
	{name: "socket filter on TCP", reason: "SOCKET_FILTER", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		control(s.t, k.conn, func(fd int) error {
			return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: 6}})
		})
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack), "")
		e := k.receiver()
		return e
	}},
	{name: "TTL of a neighbour", reason: "TCP_MINTTL", counter: "TcpExt TCPMinTTLDrop", run: func(s *stage) expected {
		k := s.listen(-1).open("")
		control(s.t, k.conn, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, 255) })
		k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack), "")
		return k.receiver()
	}},
	{name: "listener's queue full", reason: "TCP_LISTEN_OVERFLOW", counter: "TcpExt ListenOverflows", run: func(s *stage) expected {
		k := s.listen(2) // and one more may wait
		s.must(s.b.Sysctl("net.ipv4.tcp_syncookies", "0"))
		k.shake("")
		k.port++
		k.shake("")
		var seqs []uint32
		for range 2 {
			k.port++
			k.say("seq=5000,flags=S", "-")
			seqs = append(seqs, k.heard(0x12)+1)
		}
		k.port--
		for _, ack := range seqs {
			k.say(fmt.Sprintf("seq=5001,ack=%d,flags=A", ack), "")
			k.port++
		}
		return expected{n: 1, role: drop.Receiver, cookie: cookie(s.t, k.listener)}
	}},
	{name: "no route for a connection", reason: "IP_OUTNOROUTES", sender: true, counter: "Ip OutNoRoutes", run: func(s *stage) expected {
		return s.unrouted()
	}},
	{name: "backlog", reason: "SOCKET_BACKLOG", counter: "TcpExt TCPBacklogDrop", run: func(s *stage) expected {
		k := s.listen(-1)
		control(s.t, k.listener, func(fd int) error {
			return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
		})
		k.open("")
		release := k.hold()
		full := 0
		for before := counters(s.t, s.b)["TcpExt TCPBacklogDrop"]; full < 3; full = counters(s.t, s.b)["TcpExt TCPBacklogDrop"] - before {
			k.say(fmt.Sprintf("seq=%d,ack=%d,flags=PA", k.seq, k.ack), "")
		}
		release()
		e := k.receiver()
		e.n, e.also = full, map[string]bool{"TCP_OLD_DATA": true} // what was in the backlog is the same again and again
		return e
	}},
}

func init() { cases = append(append(cases, segments...), groups...) }

// unrouted takes the route of a connection away, and writes.
func (s *stage) unrouted() expected {
	s.t.Helper()
	var l net.Listener
	s.must(s.b.Do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(s.b.Addr4().String(), "80"))
		return err
	}))
	s.t.Cleanup(func() { l.Close() })
	var c net.Conn
	s.must(s.a.Do(func() (err error) {
		c, err = net.Dial("tcp4", l.Addr().String())
		return err
	}))
	s.t.Cleanup(func() { c.Close() })
	s.command(s.a, "ip", "route", "flush", "table", "main")
	_, err := c.Write([]byte(marker))
	s.must(err)
	return expected{n: 1, cookie: cookie(s.t, c), role: drop.Sender, bare: true, layers: 1}
}
