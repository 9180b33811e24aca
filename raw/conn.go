package raw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Packets receives packets into b, one at a time, until ctx ends or the socket fails; each yielded buffer is a part
// of b, valid until the next step. The end of ctx is not yielded as an error. While it runs, the read deadline is its.
func (c *Conn) Packets(ctx context.Context, b []byte) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		set := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			c.SetReadDeadline(time.Unix(1, 0))
			close(set)
		})
		defer func() {
			if !stop() {
				<-set // or the deadline would come after it is taken back
				c.SetReadDeadline(time.Time{})
			}
		}()
		for ctx.Err() == nil {
			meta, err := c.ReadPacket(b)
			if err != nil && ctx.Err() != nil {
				return
			}
			if !yield(Packet{Buf: b[:meta.N], Meta: meta}, err) || err != nil && !errors.Is(err, ErrQueued) {
				return
			}
		}
	}
}

// WriteHeader sends an IPv4 packet given as x/net's header and a payload. It needs Config.HeaderIncluded.
func (c *Conn) WriteHeader(h *ipv4.Header, payload []byte, control *ipv4.ControlMessage) error {
	r, err := c.IPv4Raw()
	if err != nil {
		return err
	}
	if err := r.WriteTo(h, payload, control); err != nil {
		return fmt.Errorf("raw: write to %v: %w", h.Dst, err)
	}
	return nil
}

// IPv4 returns x/net's view of the same socket, for its options: multicast groups, source filters, control flags.
// It fails on an IPv6 socket.
func (c *Conn) IPv4() (*ipv4.PacketConn, error) {
	if c.family != 4 {
		return nil, errors.New("raw: an IPv6 socket has no IPv4 options")
	}
	return ipv4.NewPacketConn(c.pc), nil
}

// IPv4Raw returns x/net's view of the same socket for packets with their header, and turns header inclusion on.
func (c *Conn) IPv4Raw() (*ipv4.RawConn, error) {
	if !c.headers {
		return nil, errors.New("raw: only an IPv4 raw socket can have the header included")
	}
	r, err := ipv4.NewRawConn(c.pc)
	if err != nil {
		return nil, fmt.Errorf("raw: header inclusion: %w", err)
	}
	return r, nil
}

// IPv6 returns x/net's view of the same socket, for its options. It fails on an IPv4 socket.
func (c *Conn) IPv6() (*ipv6.PacketConn, error) {
	if c.family != 6 {
		return nil, errors.New("raw: an IPv4 socket has no IPv6 options")
	}
	return ipv6.NewPacketConn(c.pc), nil
}

// SyscallConn gives access to the descriptor, for options that nothing here sets.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.rc, nil }

// Local returns the address the socket is bound to; unspecified if it is bound to none.
func (c *Conn) Local() netip.Addr {
	var a netip.Addr
	switch l := c.pc.LocalAddr().(type) {
	case *net.IPAddr:
		a, _ = netip.AddrFromSlice(l.IP)
		a = a.Unmap().WithZone(l.Zone)
	case *net.UDPAddr:
		a = l.AddrPort().Addr().Unmap()
	}
	return a
}

// ID returns the identifier that the kernel puts in the echo requests of a ping socket; 0 for a raw socket.
func (c *Conn) ID() uint16 {
	if l, ok := c.pc.LocalAddr().(*net.UDPAddr); ok {
		return uint16(l.Port)
	}
	return 0
}

// ReadBuffer returns the size of the receive buffer that was granted, in bytes as the kernel counts them: each packet
// costs its own bookkeeping too, a small one about 768 bytes.
func (c *Conn) ReadBuffer() int { return c.readBuffer }

// SetDeadline sets both deadlines; a time in the past ends waiting calls at once, the zero time never does.
func (c *Conn) SetDeadline(t time.Time) error { return c.pc.SetDeadline(t) }

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.pc.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.pc.SetWriteDeadline(t) }
