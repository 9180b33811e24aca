//go:build amd64 || arm64

package ebpf

import (
	"slices"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// stream is where the two directions of a TCP socket began and how far its calls came.
type stream struct{ written, read position }

// position follows a sequence number of 32 bits.
type position struct {
	known bool
	base  uint32 // of the first byte
	at    int64  // the offset that was seen last
}

// begin takes the sequence number of the first byte, if none is known.
func (p *position) begin(seq uint32) {
	if !p.known {
		*p = position{known: true, base: seq}
	}
}

// offset is where in the stream a sequence number is: the one nearest to the last.
func (p *position) offset(seq uint32) int64 {
	p.at += int64(int32(seq - p.base - uint32(p.at)))
	return p.at
}

func isTCP(s *socket) bool {
	return s != nil && s.protocol == unix.IPPROTO_TCP && s.typ == unix.SOCK_STREAM && (s.family == unix.AF_INET || s.family == unix.AF_INET6)
}

// place says where in its stream a call's first byte stands: tcp_sock.write_seq and copied_seq before and after
// it. Where they moved by other than the call's result, another call was at work at the same time, and which
// bytes are whose is not known.
func (t *Tracer) place(c *trace.Call, th *thread, r *record) {
	var before *socket
	for i := range th.sockets {
		if th.sockets[i].fd == c.FD && th.sockets[i].id == c.Socket {
			before = &th.sockets[i]
		}
	}
	after := r.socket(c.FD)
	if !isTCP(before) || identity(after) != c.Socket {
		return
	}
	if (c.Name == "accept" || c.Name == "accept4") && c.Errno == "" {
		// Neither end can have sent or read anything: nobody had a descriptor.
		if made := r.socket(int(c.Result)); isTCP(made) {
			s := &stream{}
			s.written.begin(made.writeSeq)
			s.read.begin(made.copiedSeq)
			t.streams[made.id] = s
		}
		return
	}
	s := t.streams[c.Socket]
	if c.Name == "connect" && after.state != tcpClose && (c.Errno == "" || c.Errno == "EINPROGRESS") && before.state == tcpClose {
		s = &stream{}
		if after.state != tcpSynSent || c.Errno != "" { // the SYN was sent: its number is used
			s.written.begin(after.writeSeq)
		}
		t.streams[c.Socket] = s
		return
	}
	moved, n := after.writeSeq-before.writeSeq, uint32(c.Result)
	switch {
	case c.Errno != "" || c.Result <= 0:
	case c.Op == trace.OpSend:
		if s == nil && before.state == tcpClose { // TCP Fast Open: the send has connected it
			s = &stream{}
			t.streams[c.Socket] = s
		}
		if s == nil {
			return
		}
		if fresh := before.state == tcpClose || before.state == tcpSynSent && moved == n+1; fresh && !s.written.known {
			s.written.begin(after.writeSeq - n)
			moved = n
		}
		if s.written.known && moved == n {
			c.Offset, c.OffsetKnown = s.written.offset(after.writeSeq-n), true
			s.written.offset(after.writeSeq)
		}
	case c.Op == trace.OpReceive:
		peek := slices.Contains(c.Flags, "MSG_PEEK")
		moved := after.copiedSeq - before.copiedSeq
		if s == nil || peek && moved != 0 || !peek && moved != n {
			return
		}
		if before.state != tcpClose && before.state != tcpSynSent {
			s.read.begin(before.copiedSeq)
		}
		if s.read.known {
			c.Offset, c.OffsetKnown = s.read.offset(before.copiedSeq), true
			s.read.offset(after.copiedSeq)
		}
	}
}
