//go:build !linux

package raw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

var errNotLinux = fmt.Errorf("raw: raw sockets are built for Linux only: %w", errors.ErrUnsupported)

// Conn needs Linux.
type Conn struct{}

// Listen needs Linux; here its error wraps [errors.ErrUnsupported].
func Listen(ctx context.Context, proto Protocol, cfg *Config) (*Conn, error) { return nil, errNotLinux }

// ReadPacket needs Linux.
func (c *Conn) ReadPacket(b []byte) (Meta, error) { return Meta{}, errNotLinux }

// ReadPackets needs Linux.
func (c *Conn) ReadPackets(ps []Packet) (int, error) { return 0, errNotLinux }

// Packets needs Linux.
func (c *Conn) Packets(ctx context.Context, b []byte) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) { yield(Packet{}, errNotLinux) }
}

// ReadError needs Linux.
func (c *Conn) ReadError(b []byte) (e QueuedError, ok bool, err error) {
	return e, false, errNotLinux
}

// WritePacket needs Linux.
func (c *Conn) WritePacket(b []byte, dst netip.Addr) error { return errNotLinux }

// WritePackets needs Linux.
func (c *Conn) WritePackets(ps []Packet) (n int, err error) { return 0, errNotLinux }

// WriteHeader needs Linux.
func (c *Conn) WriteHeader(h *ipv4.Header, payload []byte, control *ipv4.ControlMessage) error {
	return errNotLinux
}

// IPv4 needs Linux.
func (c *Conn) IPv4() (*ipv4.PacketConn, error) { return nil, errNotLinux }

// IPv4Raw needs Linux.
func (c *Conn) IPv4Raw() (*ipv4.RawConn, error) { return nil, errNotLinux }

// IPv6 needs Linux.
func (c *Conn) IPv6() (*ipv6.PacketConn, error) { return nil, errNotLinux }

// SyscallConn needs Linux.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return nil, errNotLinux }

// Local needs Linux.
func (c *Conn) Local() netip.Addr { return netip.Addr{} }

// ID needs Linux.
func (c *Conn) ID() uint16 { return 0 }

// ReadBuffer needs Linux.
func (c *Conn) ReadBuffer() int { return 0 }

// Drops needs Linux.
func (c *Conn) Drops() (n uint32, err error) { return 0, errNotLinux }

// SetDeadline needs Linux.
func (c *Conn) SetDeadline(t time.Time) error { return errNotLinux }

// SetReadDeadline needs Linux.
func (c *Conn) SetReadDeadline(t time.Time) error { return errNotLinux }

// SetWriteDeadline needs Linux.
func (c *Conn) SetWriteDeadline(t time.Time) error { return errNotLinux }

// Close needs Linux.
func (c *Conn) Close() error { return nil }
