package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var _ = register("errors", failures)

// failures shows errors: which are found at once, and which come back from the network and when.
func failures(ctx context.Context, s *sceneRun) error {
	free := make(chan netip.AddrPort, 2)

	s.say("An address that is in use, and a port that needs a privilege.")

	server := func(p *proc) {
		a, b := p.socket(s.family(), unix.SOCK_STREAM, 0), p.socket(s.family(), unix.SOCK_STREAM, 0)
		addr := p.bind(a, s.at(s.server, 18082))
		p.expect(unix.EADDRINUSE).bind(b, addr)
		if firstUnprivilegedPort() > 80 && p.caps == 0 {
			p.expect(unix.EACCES).bind(b, netip.AddrPortFrom(addr.Addr(), 80))
		}
		p.close(b)
		p.close(a) // now nobody listens there
		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		unused := p.bind(u, s.at(s.server, 19999))
		p.close(u)
		tell(p, free, addr)
		tell(p, free, unused)
	}

	client := func(p *proc) {
		stream, dgram := wait(p, free), wait(p, free)

		p.say("Nobody listens. A stream's connect waits for the answer, and that is a reset.")
		c := p.socket(s.family(), unix.SOCK_STREAM, 0)
		p.expect(unix.ECONNREFUSED).connect(c, stream)
		p.close(c)

		p.say("A datagram's send does not wait. The ICMP error comes later, and the next call reports it.")
		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		p.connect(u, dgram)
		p.send(u, []byte("nobody"))
		p.refused(u)
		p.expect(unix.ECONNREFUSED).send(u, []byte("again"))
		p.close(u)

		p.say("What cannot be sent is refused at once: a message that is too large, an address without a route.")
		t := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		limit := maxUDP4
		if s.v6 {
			limit = maxUDP6
		}
		p.expect(unix.EMSGSIZE).sendto(t, bytes.Repeat([]byte("x"), limit+1), "", dgram)
		if s.lab { // elsewhere there may be a route, and packets stay here
			p.expect(unix.ENETUNREACH).sendto(t, []byte("hello"), "", s.nowhere())
		}
		p.close(t)

		if s.lab {
			p.say("A host that is not there: the kernel asks for it, and gives up.")
			h := p.socket(s.family(), unix.SOCK_STREAM, 0)
			p.expect(unix.EHOSTUNREACH).connect(h, s.absent())
			p.close(h)
		}
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}

// nowhere is an address that the lab has no route to, RFC 5737 and RFC 3849.
func (s *sceneRun) nowhere() netip.AddrPort {
	if s.v6 {
		return netip.MustParseAddrPort("[2001:db8::1]:9")
	}
	return netip.MustParseAddrPort("192.0.2.1:9")
}

// absent is an address on the link that no host has.
func (s *sceneRun) absent() netip.AddrPort {
	b := s.server.addr.AsSlice()
	b[len(b)-1] = 77
	addr, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr, 18082)
}

// refused waits until an error waits on the socket, without taking it.
func (p *proc) refused(fd int) {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	for {
		if _, err := unix.Poll(fds, 1000); err != unix.EINTR {
			return
		}
	}
}

// firstUnprivilegedPort is the first port that needs no CAP_NET_BIND_SERVICE.
func firstUnprivilegedPort() int {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}
