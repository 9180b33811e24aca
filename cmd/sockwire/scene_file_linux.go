package main

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ = register("file", asFile)

// asFile shows that a socket is a file: it has a descriptor, and read and write do what recv and send do.
func asFile(ctx context.Context, s *sceneRun) error {
	listening := make(chan netip.AddrPort, 1)

	s.say("A socket is a file: it has a descriptor, and read and write do what recv and send do.")

	server := func(p *proc) {
		l := p.socket(s.family(), unix.SOCK_STREAM, 0)
		addr := p.bind(l, s.at(s.server, 18082))
		p.listen(l, 1)
		tell(p, listening, addr)
		c := p.accept(l)
		var got []byte
		for len(got) < len(s.messages[0]) {
			got = append(got, p.read(c, 100000)...)
		}
		p.write(c, got[:min(len(got), 100)])
		p.read(c, 100) // 0 bytes: the end of the file
		p.close(c)
		p.close(l)
	}

	client := func(p *proc) {
		c := p.socket(s.family(), unix.SOCK_STREAM, 0)
		p.readlink(fmt.Sprintf("/proc/self/fd/%d", c))
		p.connect(c, wait(p, listening))
		for m := s.messages[0]; len(m) > 0; {
			m = m[p.write(c, m):]
		}
		p.read(c, 100)
		p.close(c)
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}
