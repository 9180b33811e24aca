package main

import (
	"bytes"
	"context"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ = register("datagram", datagram)

// datagram shows UDP: no connection, every message on its own. Each is answered; then comes one that
// does not fit into a packet, and an empty one.
func datagram(ctx context.Context, s *sceneRun) error {
	bound := make(chan netip.AddrPort, 1)
	big := bytes.Repeat([]byte("x"), 2*s.mtu+1000)
	if s.size > len(big) {
		big = bytes.Repeat([]byte("x"), s.size)
	}
	if len(big) > maxUDP4 {
		big = big[:maxUDP4]
	}

	s.say("Each message travels in a packet of its own, without a connection. The server answers each.")

	server := func(p *proc) {
		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		tell(p, bound, p.bind(u, s.at(s.server, 19000)))
		for range s.messages {
			b, from := p.recvfrom(u, maxUDP6)
			p.sendto(u, bytes.ToUpper(b), "", from.IP)
		}
		p.recvfrom(u, maxUDP6) // the large one, put together from its fragments
		p.recvfrom(u, maxUDP6) // the empty one: 0 bytes, and not the end
		p.close(u)
	}

	client := func(p *proc) {
		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		to := wait(p, bound)
		for _, m := range s.messages {
			p.sendto(u, m, "", to) // the first one gives the socket its port
			p.recvfrom(u, maxUDP6)
		}
		p.say("What is too large for one packet is cut into fragments, and put together again before it is received.")
		p.sendto(u, big, "", to)
		p.say("A message may be empty: its receive returns 0.")
		p.sendto(u, nil, "", to)
		p.close(u)
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}
