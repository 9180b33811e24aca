package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/drop"
	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

var _ = register("lost", lost)

// lost plays ways in which a host loses packets. The kernel tells each by its own counters; of each packet it says
// where and why it was dropped to programs of ours, which it takes from root, and not from the user namespace of
// everybody else's lab.
func lost(ctx context.Context, s *sceneRun) error {
	if err := s.traps(); err != nil {
		return err
	}
	l := newLoser(s)
	if s.lab {
		l.unfiltered = s.server.host.DropUDP(filteredPort)
	}
	s.say("Each of these packets is lost in a host and not on the wire, and the send has returned success. " + s.whose())
	return s.run(ctx, program{s.server, "server", l.receive}, program{s.client, "client", l.send})
}

// loser has what the two programs tell each other.
type loser struct {
	*sceneRun
	to   chan netip.AddrPort // where to send next
	next chan bool           // that is done
	read chan bool           // what was in the receive buffer

	unfiltered error // why the server has no packet filter
}

// filteredPort is one that the server's packet filter lets nothing to.
const filteredPort = 19002

func newLoser(s *sceneRun) *loser {
	return &loser{sceneRun: s, to: make(chan netip.AddrPort, 1), next: make(chan bool, 1), read: make(chan bool, 1)}
}

// whose says what the counters count.
func (s *sceneRun) whose() string {
	switch {
	case s.heard:
		return "The kernel says of each why it dropped it, and counts it: the counters are those of /proc/net/snmp and /proc/net/netstat of that host alone."
	case s.lab:
		return "The counters are those of /proc/net/snmp and /proc/net/netstat of that host alone: they tell how many, not which. " +
			"To root the kernel says it of each packet."
	}
	return "The counters are those of /proc/net/snmp and /proc/net/netstat: they count for all programs of this machine, and tell how many, not which."
}

// Destinations beyond the server, which would forward to them (RFC 5737, RFC 3849); and a source that nobody answers
// to.
var (
	beyond4 = netip.MustParsePrefix("198.51.100.0/24")
	beyond6 = netip.MustParsePrefix("2001:db8:51::/48")
	spoofed = netip.MustParseAddr("203.0.113.9")
)

func (s *sceneRun) beyond() netip.Prefix {
	if s.v6 {
		return beyond6
	}
	return beyond4
}

// short is by how much the server's MTU is less than the client's.
const short = 100

// narrowed tells whether the server's interface may take less than the client's sends.
func (s *sceneRun) narrowed() bool {
	least := minMTU4
	if s.v6 {
		least = minMTU6
	}
	return s.lab && s.mtu-short >= least
}

// traps prepares the hosts, while that is allowed.
func (s *sceneRun) traps() error {
	if !s.lab {
		return nil
	}
	server, family := s.server.host, "ipv4"
	if s.v6 {
		family = "ipv6"
	}
	if err := server.Sysctl("net/"+family+"/conf/all/forwarding", "1"); err != nil {
		return err
	}
	if err := server.Sysctl("net/ipv4/conf/"+server.Ifname()+"/rp_filter", "1"); err != nil {
		return err
	}
	if s.narrowed() {
		if err := server.SetMTU(server.Ifname(), s.mtu-short); err != nil {
			return err
		}
	}
	if err := server.AddRoute(netlab.Route{Dst: s.beyond(), Via: s.client.addr}); err != nil { // it has one, but nothing comes that far
		return err
	}
	return s.client.host.AddRoute(netlab.Route{Dst: s.beyond(), Via: s.server.addr})
}

// receive has the sockets that packets are lost at.
func (l *loser) receive(p *proc) {
	unused := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	nobody := p.bind(unused, l.at(l.server, 19999))
	p.close(unused)
	tell(p, l.to, nobody)

	full := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	p.setsockopt(full, unix.SOL_SOCKET, unix.SO_RCVBUF, "SO_RCVBUF", 1)
	p.setsockopt(full, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, "SO_RXQ_OVFL", 1)
	tell(p, l.to, p.bind(full, l.at(l.server, 19000)))
	for wait(p, l.next); ; {
		if n, err := cmsg.ReadQueued(full); err != nil || n == 0 {
			break
		}
		p.recvmsg(full, 2000) // what came before there was no room
	}
	tell(p, l.read, true)
	p.recvmsg(full, 2000) // the next one tells how many were lost
	p.close(full)

	picky := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	p.refuseAll(picky)
	tell(p, l.to, p.bind(picky, l.at(l.server, 19001)))
	wait(p, l.next)
	if n, err := cmsg.ReadDrops(picky); err == nil {
		p.say(fmt.Sprintf("The socket has a count of its own (SO_MEMINFO): %d.", n))
	}
	p.close(picky)

	listener := p.socket(l.family(), unix.SOCK_STREAM, 0)
	addr := p.bind(listener, l.at(l.server, 18082))
	p.listen(listener, 0)
	tell(p, l.to, addr)
	wait(p, l.next)
	p.close(listener)
}

// send makes the packets that are lost.
func (l *loser) send(p *proc) {
	nobody := wait(p, l.to)
	u := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	p.say("No socket has the port: the kernel drops the datagram, and an ICMP error says so to a sender that asks.")
	l.counted(p, l.server, "Udp NoPorts", 1, func() { p.sendto(u, []byte("nobody"), "", nobody) })

	full := wait(p, l.to)
	p.say("The receiver does not read, and its receive buffer has no more room: what comes now is lost, and the sender hears nothing.")
	l.counted(p, l.server, "Udp RcvbufErrors", 1, func() {
		for range 6 {
			p.sendto(u, bytes.Repeat([]byte("x"), 1000), "", full)
		}
	})
	tell(p, l.next, true)
	wait(p, l.read)
	p.say("A receiver that asks with SO_RXQ_OVFL is told how many were lost, by the next datagram that is not.")
	p.sendto(u, []byte("next"), "", full)

	picky := wait(p, l.to)
	p.say("The socket has a filter (SO_ATTACH_FILTER) that refuses the datagram. The packet filter of a host does the same to all sockets.")
	l.counted(p, l.server, "Udp InErrors", 1, func() { p.sendto(u, []byte("refused"), "", picky) })
	tell(p, l.next, true)

	l.overflow(p, wait(p, l.to))
	tell(p, l.next, true)
	if l.lab {
		l.onTheWay(p, u, nobody)
		l.crafted(p, nobody)
	}
	p.close(u)
}

// overflow asks for more connections than a listener has room for.
func (l *loser) overflow(p *proc, to netip.AddrPort) {
	p.say("The listener's queue has room for one connection, and nobody accepts. The next SYN is dropped; it would be sent again after a second.")
	first := p.socket(l.family(), unix.SOCK_STREAM, 0)
	p.connect(first, to)
	second := p.socket(l.family(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	l.counted(p, l.server, "TcpExt ListenOverflows", 1, func() { p.expect(unix.EINPROGRESS).connect(second, to) })
	p.close(second)
	p.close(first)
}

// onTheWay sends what hosts drop that are asked to send or to forward.
func (l *loser) onTheWay(p *proc, u int, to netip.AddrPort) {
	p.say("No route: the packet is lost before it is one. Here the call says so.")
	l.counted(p, l.client, "Ip OutNoRoutes", 1, func() { p.expect(unix.ENETUNREACH).sendto(u, []byte("nowhere"), "", l.nowhere()) })

	if l.unfiltered != nil {
		p.say(fmt.Sprintf("A rule of a packet filter would drop a packet too. It could not be made here: %v.", l.unfiltered))
	} else {
		p.say(fmt.Sprintf("A rule of the server's packet filter (nftables: udp dport %d drop) drops the datagram. No counter of IP or UDP tells of it, and no error is sent.", filteredPort))
		p.sendto(u, []byte("filtered"), "", netip.AddrPortFrom(to.Addr(), filteredPort))
	}

	p.say("No such neighbour: the send succeeds, the kernel asks three times who has the address, and drops what waits for the answer.")
	c := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	if l.v6 {
		p.setsockopt(c, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, "IPV6_RECVERR", 1)
	} else {
		p.setsockopt(c, unix.IPPROTO_IP, unix.IP_RECVERR, "IP_RECVERR", 1)
	}
	p.connect(c, l.absent())
	p.send(c, []byte("anybody?"))
	p.refused(c)
	p.say("No counter tells of it. A socket that asks for errors (IP_RECVERR) is told by the next call.")
	p.expect(unix.EHOSTUNREACH).send(c, []byte("again"))
	p.close(c)

	p.say("The packet may cross one host more (TTL 1), and the next one is not the last: it drops the packet and answers with an ICMP error.")
	level, option, name := unix.IPPROTO_IP, unix.IP_TTL, "IP_TTL"
	if l.v6 {
		level, option, name = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"
	}
	h := p.socket(l.family(), unix.SOCK_DGRAM, 0)
	p.setsockopt(h, level, option, name, 1)
	far := netip.AddrPortFrom(l.beyond().Addr().Next(), 9)
	l.counted(p, l.server, "Ip InHdrErrors", 1, func() { p.sendto(h, []byte("too far"), "", far) })
	p.close(h)

	if l.narrowed() {
		p.say(fmt.Sprintf("The two ends of the link differ: the server's takes %d bytes, and the client's sends %d. Nothing says so to either: a black hole.", l.mtu-short, l.mtu))
		headers := 28
		if l.v6 {
			headers = 48
		}
		large := bytes.Repeat([]byte("x"), l.mtu-headers)
		l.counted(p, l.server, "rx_dropped", 1, func() { p.sendto(u, large, "", to) })
	}
}

// crafted sends what no socket but a raw one can.
func (l *loser) crafted(p *proc, to netip.AddrPort) {
	p.say("What is wrong with the following packets takes a raw socket, and its privilege.")
	p.capset(capNetRaw, "CAP_NET_RAW")
	h := p.socket(l.family(), unix.SOCK_RAW, unix.IPPROTO_UDP)
	if l.v6 {
		p.setsockopt(h, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, "IPV6_HDRINCL", 1)
	} else {
		p.setsockopt(h, unix.IPPROTO_IP, unix.IP_HDRINCL, "IP_HDRINCL", 1)
	}
	at := netip.AddrPortFrom(to.Addr(), 0)
	p.say("Its checksum does not fit: a bit was changed on the way, as far as the receiver can know. No error is sent.")
	l.counted(p, l.server, "Udp InCsumErrors", 1, func() { p.sendto(h, l.datagram(l.client.addr, to, true), `[IP|UDP|"corrupt"]`, at) })
	if !l.v6 {
		p.say("It came through an interface that no answer to its source would leave by (rp_filter): its source is taken to be false.")
		l.counted(p, l.server, "TcpExt IPReversePathFilter", 1, func() { p.sendto(h, l.datagram(spoofed, to, false), `[IP|UDP|"spoofed"]`, at) })
	}
	p.close(h)

	p.say("No one takes the protocol behind its IP header.")
	x := p.socket(l.family(), unix.SOCK_RAW, experiment)
	l.counted(p, l.server, "Ip InUnknownProtos", 1, func() { p.sendto(x, []byte("protocol 253"), "", at) })
	p.close(x)
}

// datagram is a UDP datagram with its IP header, and perhaps with a wrong checksum.
func (l *loser) datagram(from netip.Addr, to netip.AddrPort, corrupt bool) []byte {
	udp, text := &packet.UDP{SrcPort: 5555, DstPort: to.Port()}, "spoofed"
	if corrupt {
		udp.Checksum, text = packet.U16(0x0bad), "corrupt"
	}
	if l.v6 {
		return must(packet.Append(nil, &packet.IPv6{Src: from, Dst: to.Addr()}, udp, packet.Payload(text)))
	}
	return must(packet.Append(nil, &packet.IPv4{Src: from, Dst: to.Addr()}, udp, packet.Payload(text)))
}

// patience is how long a counter is waited for.
const patience = 2 * time.Second

// counted loses something, waits until a side's kernel has counted it, and says what rose there.
func (l *loser) counted(p *proc, at side, name string, n uint64, lose func()) {
	if l.v6 {
		for _, group := range []string{"Udp ", "Ip "} {
			name = strings.Replace(name, group, strings.TrimSpace(group)+"6 ", 1)
		}
	}
	before := l.counters(at)
	lose()
	for start := time.Now(); time.Since(start) < patience; {
		rose := drop.Since(before, l.counters(at))
		if i := slices.IndexFunc(rose, func(c drop.Counter) bool { return strings.HasSuffix(c.Name, name) }); i >= 0 && rose[i].Count >= n {
			var list []string
			for _, c := range rose {
				list = append(list, fmt.Sprintf("%s %d", c.Name, c.Count))
			}
			p.say(fmt.Sprintf("Counted by the kernel of the %s: %s.", at.name, strings.Join(list, ", ")))
			return
		}
		select {
		case <-l.stop:
			panic(callError{errCut})
		case <-time.After(time.Millisecond):
		}
	}
	p.say(fmt.Sprintf("The kernel of the %s has not counted it: %s did not rise.", at.name, name))
}

// counters are those of a side's network namespace. Another thread goes there: that of the program has no right to.
func (l *loser) counters(at side) []drop.Counter {
	type result struct {
		all []drop.Counter
		err error
	}
	read := make(chan result, 1)
	go func() {
		var r result
		failed := l.on(at, func() error {
			r.all, r.err = drop.Counters()
			return nil
		})
		r.err = cmp.Or(r.err, failed)
		read <- r
	}()
	r := <-read
	if r.err != nil {
		panic(callError{r.err})
	}
	return r.all
}

// refuseAll gives a socket a filter that takes nothing.
func (p *proc) refuseAll(fd int) {
	c := p.call("setsockopt", fd, word("level", "SOL_SOCKET"), word("optname", "SO_ATTACH_FILTER"), word("optval", "{1 instruction: ret #0}"), num("optlen", 16))
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	p.act(c, func() (int, error) {
		return 0, unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	}, nil)
}
