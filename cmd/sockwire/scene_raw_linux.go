package main

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"sockwire/raw/packet"
)

const (
	experiment = 253 // for experimentation, RFC 3692
	echoID     = 0x5157
)

var _ = register("raw", rawSockets)

// rawSockets shows SOCK_RAW: the program writes what is behind the IP header, or that header too.
func rawSockets(ctx context.Context, s *sceneRun) error {
	bound := make(chan netip.AddrPort, 1)
	ready := make(chan bool, 1)

	s.say("A raw socket needs a privilege: the client is refused without it.")

	server := func(p *proc) {
		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		tell(p, bound, p.bind(u, s.at(s.server, 19000)))
		p.capset(capNetRaw, "CAP_NET_RAW")
		r := p.socket(s.family(), unix.SOCK_RAW, experiment)
		tell(p, ready, true)
		p.recvfrom(u, maxUDP6) // a UDP socket cannot tell a crafted packet from another
		p.recvfrom(r, maxUDP6) // IPv4: with the IP header; IPv6: without
		p.close(u)
		p.close(r)
	}

	client := func(p *proc) {
		proto := unix.IPPROTO_ICMP
		if s.v6 {
			proto = unix.IPPROTO_ICMPV6
		}
		if p.caps == 0 {
			p.expect(unix.EPERM).socket(s.family(), unix.SOCK_RAW, proto)
		}
		p.capset(capNetRaw, "CAP_NET_RAW")
		wait(p, ready)

		p.say("The client writes an ICMP message itself. The kernel puts the IP header before it.")
		r := p.socket(s.family(), unix.SOCK_RAW, proto)
		for i, m := range s.messages {
			p.sendto(r, s.echo(i+1, m), "echo request", netip.AddrPortFrom(s.server.addr, 0))
			for b, _ := p.recvfrom(r, maxUDP6); !s.echoReply(b); b, _ = p.recvfrom(r, maxUDP6) {
			}
		}
		p.close(r)

		p.say("The client writes the IP header too. Some of its fields the kernel fills in or corrects.")
		to := wait(p, bound)
		h := p.socket(s.family(), unix.SOCK_RAW, unix.IPPROTO_UDP)
		if s.v6 {
			p.setsockopt(h, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, "IPV6_HDRINCL", 1)
		} else {
			p.setsockopt(h, unix.IPPROTO_IP, unix.IP_HDRINCL, "IP_HDRINCL", 1)
		}
		p.sendto(h, s.crafted(to), `[IP|UDP|"craft"]`, netip.AddrPortFrom(to.Addr(), 0))
		p.close(h)

		p.say("A protocol without a header of its own: only IP.")
		x := p.socket(s.family(), unix.SOCK_RAW, experiment)
		p.sendto(x, s.messages[0], "", netip.AddrPortFrom(s.server.addr, 0))
		p.close(x)
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}

// echo is an ICMP echo request that carries b.
func (s *sceneRun) echo(seq int, b []byte) []byte {
	var l packet.Layer = &packet.ICMPv4{Type: 8, ID: echoID, Seq: uint16(seq)}
	if s.v6 {
		// The kernel always computes this checksum, RFC 3542 section 3.1.
		l = &packet.ICMPv6{Type: 128, ID: echoID, Seq: uint16(seq), Checksum: packet.U16(0)}
	}
	return must(packet.Append(nil, l, packet.Payload(b)))
}

// echoReply tells whether a raw socket received a reply. On loopback it also receives the request.
func (s *sceneRun) echoReply(b []byte) bool {
	if s.v6 {
		return len(b) > 0 && b[0] == 129
	}
	return len(b) > 20 && b[20] == 0
}

// crafted is a UDP datagram with its IP header. In IPv4 it leaves 0 what the kernel fills in: length,
// identification, checksum and source.
func (s *sceneRun) crafted(to netip.AddrPort) []byte {
	udp := &packet.UDP{SrcPort: 5555, DstPort: to.Port(), Checksum: packet.U16(0)}
	if s.v6 {
		udp.Checksum = packet.Opt[uint16]{} // IPv6 has none without
		return must(packet.Append(nil, &packet.IPv6{HopLimit: packet.U8(7), Src: s.client.addr, Dst: to.Addr()}, udp, packet.Payload("craft")))
	}
	ip := &packet.IPv4{TTL: packet.U8(7), TotalLength: packet.U16(0), Checksum: packet.U16(0), Src: netip.IPv4Unspecified(), Dst: to.Addr()}
	return must(packet.Append(nil, ip, udp, packet.Payload("craft")))
}

// must returns the bytes of a packet that is always well formed.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(callError{fmt.Errorf("craft a packet: %w", err)})
	}
	return b
}
