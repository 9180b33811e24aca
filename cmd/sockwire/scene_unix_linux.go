package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var _ = register("unix", unixSockets)

// unixSockets shows AF_UNIX: the same calls, names in place of addresses, no packets; and a descriptor that
// goes from one program to another.
func unixSockets(ctx context.Context, s *sceneRun) error {
	path := filepath.Join(s.dir, "server") // a name in the file system
	abstract := fmt.Sprintf("@sockwire-%d", s.pid)
	file := filepath.Join(s.dir, "file")
	if err := os.WriteFile(file, []byte("contents of a file\n"), 0o600); err != nil {
		return err
	}
	listening, bound := make(chan bool, 1), make(chan bool, 1)
	sent := make(chan int, 1)

	s.say("The same calls between two programs of one machine. A name stands for the address, and nothing is on the wire.")

	server := func(p *proc) {
		l := p.socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		p.bindUnix(l, path)
		p.listen(l, 1)
		tell(p, listening, true)
		c := p.accept(l)
		total := wait(p, sent)
		p.queued(c, min(total, 8192))
		for got := 0; got < total; {
			got += len(p.recv(c, total-got))
		}
		_, fds := p.recvmsg(c, 100)
		for _, fd := range fds {
			p.read(fd, 100) // the other program's file
			p.close(fd)
		}
		p.close(c)
		p.close(l)

		u := p.socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		p.bindUnix(u, abstract) // a name that no file system has
		tell(p, bound, true)
		for range s.messages {
			p.recvfrom(u, maxUnix())
		}
		p.close(u)
	}

	client := func(p *proc) {
		wait(p, listening)
		c := p.socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		p.connectUnix(c, path)
		total := 0
		for _, m := range s.messages {
			total += len(m)
		}
		tell(p, sent, total)
		for _, m := range s.messages {
			for len(m) > 0 {
				m = m[p.send(c, m):]
			}
		}
		p.say("The client opens a file and hands its descriptor over. The server can then read the file.")
		f := p.openFile(file)
		p.sendmsg(c, []byte("a descriptor"), f)
		p.close(f) // the server's descriptor keeps the file open
		p.close(c)

		wait(p, bound)
		p.say("Datagrams: each is received as it was sent.")
		u := p.socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		for _, m := range s.messages {
			p.sendtoUnix(u, m, abstract)
		}
		p.close(u)
	}

	// Both on one host: an abstract name is known only in its own network namespace.
	return s.run(ctx, program{s.client, "server", server}, program{s.client, "client", client})
}
