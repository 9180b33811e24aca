//go:build !linux

package dgram

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// dualOptions: an IPv6 socket takes the options of IPv4 too.
const dualOptions = false

func control(cfg *Config, autobind bool) func(network, address string, rc syscall.RawConn) error {
	return nil
}

func unsupported(what string) error {
	return fmt.Errorf("dgram: %s needs Linux: %w", what, errors.ErrUnsupported)
}

// setup refuses what this system cannot do here, so that nothing asked for is silently left out.
func (c *Conn) setup(cfg *Config) error {
	for _, o := range []struct {
		name string
		set  bool
	}{
		{"Config.Interface", cfg.Interface != ""}, {"Config.Fragmentation", cfg.Fragmentation != 0}, {"Config.Mark", cfg.Mark != 0},
		{"Config.ReuseAddr", cfg.ReuseAddr}, {"Config.ReusePort", cfg.ReusePort}, {"Config.Credentials", cfg.Credentials},
		{"Config.SendTimes", cfg.SendTimes},
	} {
		if o.set {
			return unsupported(o.name)
		}
	}
	c.readBuffer, c.writeBuffer = cfg.ReadBuffer, cfg.WriteBuffer
	if cfg.ReadBuffer > 0 {
		if err := c.nc.SetReadBuffer(cfg.ReadBuffer); err != nil {
			return err
		}
	}
	if cfg.WriteBuffer > 0 {
		if err := c.nc.SetWriteBuffer(cfg.WriteBuffer); err != nil {
			return err
		}
	}
	if isUnix(c.network) && cfg.WriteBuffer == 0 {
		c.writeBuffer = 2048 + 32 // net.local.dgram.maxdgram of Darwin
	}
	c.out.broadcast, c.back.broadcast = cfg.Broadcast, cfg.Broadcast
	c.family6 = c.local.IP.Addr().Is6()
	return nil
}

// Drops needs Linux.
func (c *Conn) Drops() (uint32, error) { return 0, unsupported("Drops") }

// Offload is false: segment offload needs Linux.
func (c *Conn) Offload() bool { return false }

// StopOffload does nothing: there is none.
func (c *Conn) StopOffload() {}

// StopCoalescing does nothing: there is none.
func (c *Conn) StopCoalescing() error { return nil }

type kernelBatch struct{}

func (c *Conn) setupBatch(b *Batch) {}

func (c *Conn) drain() int { return 0 }

// outgoing is what sending needs.
type outgoing struct {
	sync.Mutex
	single    [1]Message
	broadcast bool
}

func (b *Batch) receive(wait bool) ([]Datagram, error) {
	c := b.c
	b.ds = b.ds[:0]
	if !wait {
		_ = c.nc.SetReadDeadline(time.Now().Add(time.Millisecond))
		defer c.nc.SetReadDeadline(time.Time{})
	}
	d := Datagram{}
	n, from, err := readFrom(c.nc, b.ms[0].Buf)
	switch {
	case errors.Is(err, errTruncated):
		d.Truncated = true
	case err != nil && !wait && errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("dgram: receive: %w", cause(err))
	}
	d.Payload, d.From, d.Time = b.ms[0].Buf[:n], from, time.Now()
	b.ds = append(b.ds, d)
	return b.ds, nil
}

var errTruncated = errors.New("truncated")

// Values that package syscall does not have on all systems.
const (
	msgTrunc   = 0x10                 // MSG_TRUNC of the BSDs and Darwin
	wsaMsgSize = syscall.Errno(10040) // Windows fails where others set a flag
)

func readFrom(nc netConn, b []byte) (n int, from Addr, err error) {
	flags := 0
	switch nc := nc.(type) {
	case *net.UDPConn:
		n, _, flags, from.IP, err = nc.ReadMsgUDPAddrPort(b, nil)
		from = UDP(from.IP)
	case *net.UnixConn:
		var ua *net.UnixAddr
		n, _, flags, ua, err = nc.ReadMsgUnix(b, nil)
		from = unmapped(ua)
	}
	if flags&msgTrunc != 0 || errors.Is(err, wsaMsgSize) {
		return n, from, errTruncated
	}
	return n, from, err
}

func (c *Conn) transmit(o *outgoing, ms []Message) (int, error) {
	for i := range ms {
		m := &ms[i]
		if m.From.IsValid() || m.Ifindex != 0 || m.TTL != 0 || m.TOS != 0 || len(m.Files) > 0 {
			return i, unsupported("an option for one datagram")
		}
		if m.To.IP.Addr() == broadcast4 && !o.broadcast {
			return i, syscall.EACCES
		}
		if err := writeTo(c.nc, m); err != nil {
			return i, cause(err)
		}
	}
	return len(ms), nil
}

func writeTo(nc netConn, m *Message) error {
	switch nc := nc.(type) {
	case *net.UDPConn:
		if !m.To.IsZero() {
			_, err := nc.WriteToUDPAddrPort(m.Payload, m.To.IP)
			return err
		}
	case *net.UnixConn:
		if !m.To.IsZero() {
			_, err := nc.WriteToUnix(m.Payload, &net.UnixAddr{Name: m.To.Unix, Net: "unixgram"})
			return err
		}
	}
	_, err := nc.Write(m.Payload)
	return err
}
