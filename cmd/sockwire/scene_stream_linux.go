package main

import (
	"bytes"
	"context"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ = register("stream", stream)

// stream shows a TCP connection from the handshake to its orderly end.
//
// The server takes six steps: socket, bind, listen, accept, receive and send, close. The client takes four:
// socket, connect, send and receive, close.
func stream(ctx context.Context, s *sceneRun) error {
	listening := make(chan netip.AddrPort, 1)
	sent := make(chan int, 1)

	s.say("The server waits for a connection, and the client makes one.")

	server := func(p *proc) {
		l := p.socket(s.family(), unix.SOCK_STREAM, 0) // 1
		addr := p.bind(l, s.at(s.server, 18082))       // 2
		p.listen(l, 1)                                 // 3
		tell(p, listening, addr)
		c := p.accept(l) // 4: blocks until the client connects

		total := wait(p, sent)
		p.queued(c, min(total, 8192)) // both sends have arrived …
		got := p.recv(c, max(total, 100))
		for len(got) < total { // … so one receive takes them: a stream has no borders
			got = append(got, p.recv(c, total-len(got))...) // 5
		}
		p.say("The server answers.")
		p.send(c, bytes.ToUpper(got[:min(len(got), 100)]))
		p.recv(c, 100) // 0 bytes: the client has finished sending
		p.send(c, []byte("goodbye"))
		p.close(c) // 6
		p.close(l)
	}

	client := func(p *proc) {
		c := p.socket(s.family(), unix.SOCK_STREAM, 0) // 1
		p.connect(c, wait(p, listening))               // 2
		total := 0
		for _, m := range s.messages {
			total += len(m)
		}
		tell(p, sent, total)
		p.say("The client sends its messages. A stream has no borders: one receive may take all of them.")
		for _, m := range s.messages {
			for len(m) > 0 { // a send may take a part
				m = m[p.send(c, m):] // 3
			}
		}
		p.recv(c, 100)
		p.say("The client says that it has no more to send, and still receives. Then both close.")
		p.shutdown(c, unix.SHUT_WR) // half-close: no more to send, still receiving
		for len(p.recv(c, 100)) > 0 {
		}
		p.close(c) // 4
	}

	return s.run(ctx, program{s.server, "server", server}, program{s.client, "client", client})
}
