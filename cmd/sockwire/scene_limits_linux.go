package main

import (
	"context"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ = register("limits", limits)

// limits shows what happens when the receiver asks for less than was sent, when a listener's queue is full,
// and how long calls block.
func limits(ctx context.Context, s *sceneRun) error {
	listening, bound := make(chan netip.AddrPort, 1), make(chan netip.AddrPort, 1)
	full := make(chan netip.AddrPort, 1)
	stalled := make(chan bool, 1)
	message := []byte("fifteen letters")

	s.say("The server asks for less than the client sends: the stream keeps the rest for the next receive.")

	server := func(p *proc) {
		l := p.socket(s.family(), unix.SOCK_STREAM, 0)
		addr := p.bind(l, s.at(s.server, 18082))
		p.listen(l, 1)
		tell(p, listening, addr)
		c := p.accept(l) // blocks: the client takes its time
		p.recv(c, 5)     // blocks, then takes 5 bytes: the stream keeps the rest
		p.recv(c, 100)
		p.close(c)
		p.close(l)

		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		tell(p, bound, p.bind(u, s.at(s.server, 19000)))
		p.say("The same with datagrams: what does not fit is lost, and only a flag tells.")
		p.recv(u, 5)                      // the rest of the datagram is gone, silently
		p.recvmsg(u, 5)                   // it is gone too, and a flag says so
		p.recvFlags(u, 5, unix.MSG_TRUNC) // the result is the length it had
		p.close(u)

		q := p.socket(s.family(), unix.SOCK_STREAM, 0)
		addr = p.bind(q, s.at(s.server, 18083))
		p.listen(q, 0) // room for one connection that nobody has accepted
		tell(p, full, addr)
		wait(p, stalled)
		p.sleep(pause)
		p.close(p.accept(q)) // makes room
		p.close(p.accept(q))
		p.close(q)
	}

	client := func(p *proc) {
		c := p.socket(s.family(), unix.SOCK_STREAM, 0)
		to := wait(p, listening)
		p.sleep(pause)
		p.connect(c, to)
		p.sleep(pause)
		p.send(c, message)
		p.recv(c, 100)
		p.close(c)

		u := p.socket(s.family(), unix.SOCK_DGRAM, 0)
		to = wait(p, bound)
		for range 3 {
			p.sendto(u, message, "", to)
		}
		p.close(u)

		first, second := p.socket(s.family(), unix.SOCK_STREAM, 0), p.socket(s.family(), unix.SOCK_STREAM, 0)
		to = wait(p, full)
		p.say("The server has room for one connection that it has not accepted. The second one must wait until there is room.")
		p.connect(first, to) // fills the queue
		tell(p, stalled, true)
		p.connect(second, to) // its SYN is dropped; the next one comes after a second
		p.recv(first, 100)
		p.recv(second, 100)
		p.close(first)
		p.close(second)
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}
