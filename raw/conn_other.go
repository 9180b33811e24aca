//go:build !linux

package raw

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

var errNotLinux = fmt.Errorf("raw: raw sockets are built for Linux only: %w", errors.ErrUnsupported)

// Conn needs Linux: none can be opened.
type Conn struct {
	pc         net.PacketConn
	rc         syscall.RawConn
	family     int
	headers    bool
	readBuffer int
}

// Listen needs Linux; here its error wraps [errors.ErrUnsupported].
func Listen(ctx context.Context, proto Protocol, cfg *Config) (*Conn, error) { return nil, errNotLinux }

// ReadPacket needs Linux.
func (c *Conn) ReadPacket(b []byte) (Meta, error) { return Meta{}, errNotLinux }

// ReadPackets needs Linux.
func (c *Conn) ReadPackets(ps []Packet) (int, error) { return 0, errNotLinux }

// ReadError needs Linux.
func (c *Conn) ReadError(b []byte) (e QueuedError, ok bool, err error) {
	return e, false, errNotLinux
}

// WritePacket needs Linux.
func (c *Conn) WritePacket(b []byte, dst netip.Addr) error { return errNotLinux }

// WritePackets needs Linux.
func (c *Conn) WritePackets(ps []Packet) (n int, err error) { return 0, errNotLinux }

// Drops needs Linux.
func (c *Conn) Drops() (n uint32, err error) { return 0, errNotLinux }

// Close needs Linux.
func (c *Conn) Close() error { return nil }
