package inject

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// rawEngine floods IP packets through raw sockets, one for each family.
type rawEngine struct {
	rawKind
	v4, v6 *socket
	iovs   []unix.Iovec
	name4  []unix.RawSockaddrInet4
	name6  []unix.RawSockaddrInet6
	scope  uint32
}

const rawBatch = 256

// rawKind is what the engines for IP packets with their headers say of themselves.
type rawKind struct{}

func (rawKind) Batch() int { return rawBatch }
func (rawKind) String() string {
	return fmt.Sprint("raw socket, header included, batches of ", rawBatch)
}

// OpenRaw returns an engine for IPv4 and IPv6 packets with their headers (IP_HDRINCL, IPV6_HDRINCL). The kernel routes
// each by its destination. It overwrites some fields of IPv4: see [RawAlters]. Packets go through ipv4.RawConn and
// ipv6.PacketConn of golang.org/x/net; with Config.Flood by system calls of this package's own.
func OpenRaw(cfg *Config) (Engine, error) {
	cfg = cmp.Or(cfg, &Config{})
	var e interface {
		Engine
		open(cfg *Config) error
	} = &connEngine{}
	if cfg.Flood {
		e = &rawEngine{
			iovs:  make([]unix.Iovec, rawBatch),
			name4: make([]unix.RawSockaddrInet4, rawBatch), name6: make([]unix.RawSockaddrInet6, rawBatch),
		}
	}
	if err := e.open(cfg); err != nil {
		e.Close()
		return nil, fmt.Errorf("inject: raw socket: %w", err)
	}
	return e, nil
}

// setRaw sets the options of a raw socket, which are the same however it sends.
func setRaw(fd int, v4 bool, cfg *Config) error {
	if cfg.Interface != "" {
		if err := unix.BindToDevice(fd, cfg.Interface); err != nil {
			return os.NewSyscallError("bind to device", err)
		}
	}
	broadcast := 0 // package net switches it on
	if cfg.Broadcast {
		broadcast = 1
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, broadcast); err != nil {
		return os.NewSyscallError("SO_BROADCAST", err)
	}
	if !v4 {
		return nil
	}
	// Without IP_RECVERR a full queue drops packets and reports success (udp(7), "transmit queue full").
	return os.NewSyscallError("IP_RECVERR", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1))
}

// scopeOf returns the index of an interface, 0 for none.
func scopeOf(device string) (uint32, error) {
	if device == "" {
		return 0, nil
	}
	i, err := interfaceByName(device)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}

// needsScope reports whether the destination of an IPv6 packet needs its link said: link-local and multicast addresses
// do.
func needsScope(p []byte) bool { return p[24] == 0xfe || p[24] == 0xff }

// packetVersion returns 4 or 6, and 0 for what a raw socket cannot send. A wrong version goes as IPv4.
func packetVersion(p []byte) int {
	switch {
	case len(p) >= 40 && p[0]>>4 == 6:
		return 6
	case len(p) >= 20 && p[0]>>4 != 6:
		return 4
	}
	return 0
}

func (e *rawEngine) open(cfg *Config) (err error) {
	if e.scope, err = scopeOf(cfg.Interface); err != nil {
		return err
	}
	if e.v4, err = newSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW, rawBatch, cfg); err != nil {
		return err
	}
	if err := cmsg.Control(e.v4.conn, func(fd int) error { return setRaw(fd, true, cfg) }); err != nil {
		return err
	}
	if e.v6, err = newSocket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_RAW, rawBatch, cfg); errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	} else if err != nil {
		return err
	}
	return cmsg.Control(e.v6.conn, func(fd int) error { return setRaw(fd, false, cfg) })
}

func (e *rawEngine) Send(packets [][]byte) (int, error) {
	total := 0
	for total < len(packets) {
		n, s := e.fill(packets[total:])
		if s == nil {
			return total, os.NewSyscallError("sendmmsg", unix.EINVAL)
		}
		sent, err := s.send(n)
		total += sent
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// fill prepares messages for packets of one family and returns how many, and their socket; nil for no family.
func (e *rawEngine) fill(packets [][]byte) (int, *socket) {
	var s *socket
	for i, p := range packets {
		if i == rawBatch {
			return i, s
		}
		var want *socket
		switch packetVersion(p) {
		case 6:
			want = e.v6
		case 4:
			want = e.v4
		}
		if want == nil || s != nil && want != s {
			return i, s
		}
		s = want
		h := &s.hdrs[i].Msghdr
		e.iovs[i].Base = unsafe.SliceData(p)
		e.iovs[i].SetLen(len(p))
		h.Iov = &e.iovs[i]
		h.SetIovlen(1)
		if s == e.v4 {
			e.name4[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(p[16:20])}
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&e.name4[i])), unix.SizeofSockaddrInet4
		} else {
			e.name6[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: [16]byte(p[24:40])}
			if needsScope(p) {
				e.name6[i].Scope_id = e.scope
			}
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&e.name6[i])), unix.SizeofSockaddrInet6
		}
	}
	return len(packets), s
}

func (e *rawEngine) Refusals() uint64 {
	n := e.v4.refusals
	if e.v6 != nil {
		n += e.v6.refusals
	}
	return n
}

func (e *rawEngine) Close() error {
	var err error
	for _, s := range []*socket{e.v4, e.v6} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// connEngine sends IP packets through golang.org/x/net's connections, one for each family.
type connEngine struct {
	rawKind
	patience
	v4     *ipv4.RawConn
	v6     *ipv6.PacketConn
	under  []net.PacketConn // what they are made of
	device string
	room   []connMessage
	ms4    []ipv4.Message
	ms6    []ipv6.Message
}

// connMessage is the memory of one message.
type connMessage struct {
	buffers [1][]byte
	addr    net.IPAddr
	ip      [16]byte
}

func (e *connEngine) open(cfg *Config) (err error) {
	if _, err := scopeOf(cfg.Interface); err != nil {
		return err
	}
	e.device, e.room = cfg.Interface, make([]connMessage, rawBatch)
	e.ms4, e.ms6 = make([]ipv4.Message, rawBatch), make([]ipv6.Message, rawBatch)
	c, err := e.listen("ip4:255", "0.0.0.0", true, cfg) // protocol 255, IPPROTO_RAW, receives nothing
	if err != nil {
		return err
	}
	if e.v4, err = ipv4.NewRawConn(c); err != nil { // which sets IP_HDRINCL
		return err
	}
	if c, err = e.listen("ip6:255", "::", false, cfg); errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	} else if err != nil {
		return err
	}
	e.v6 = ipv6.NewPacketConn(c) // of this protocol a header is included without being said
	return nil
}

func (e *connEngine) listen(network, address string, v4 bool, cfg *Config) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return cmsg.Control(c, func(fd int) error {
			setSendBuffer(fd, cfg)
			return setRaw(fd, v4, cfg)
		})
	}}
	c, err := config.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, systemCall(err)
	}
	e.under = append(e.under, c)
	return c, nil
}

func (e *connEngine) Send(packets [][]byte) (int, error) {
	total := 0
	for end := (time.Time{}); total < len(packets); {
		n, err := e.write(packets[total:])
		if n > 0 {
			total, end = total+n, time.Time{}
		}
		if err == nil {
			continue
		}
		full := errors.Is(err, unix.ENOBUFS) || errors.Is(err, os.ErrDeadlineExceeded)
		if !full || !e.pause(&end) {
			return total, err
		}
	}
	return total, nil
}

// write writes the first packets, which are of one family, and returns how many the kernel took.
func (e *connEngine) write(packets [][]byte) (n int, err error) {
	version := packetVersion(packets[0])
	count := 0
	for count < min(len(packets), rawBatch) && packetVersion(packets[count]) == version {
		count++
	}
	switch {
	case version == 4:
		for i, p := range packets[:count] {
			e.ms4[i] = ipv4.Message(e.message(i, p, p[16:20]))
		}
		e.v4.SetWriteDeadline(time.Now().Add(refusalLimit))
		n, err = e.v4.WriteBatch(e.ms4[:count], 0)
	case version == 6 && e.v6 != nil:
		for i, p := range packets[:count] {
			e.ms6[i] = ipv6.Message(e.message(i, p, p[24:40]))
			if needsScope(p) {
				e.room[i].addr.Zone = e.device
			}
		}
		e.v6.SetWriteDeadline(time.Now().Add(refusalLimit))
		n, err = e.v6.WriteBatch(e.ms6[:count], 0)
	default:
		return 0, os.NewSyscallError("sendmmsg", unix.EINVAL)
	}
	if err == nil {
		return n, nil
	}
	return max(n, 0), systemCall(err)
}

// systemCall returns the error of the system call in what package net makes of it.
func systemCall(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call
	}
	return err
}

// message makes a message of a packet in the i-th place.
func (e *connEngine) message(i int, p, dst []byte) ipv4.Message {
	m := &e.room[i]
	m.buffers[0] = p
	m.addr.IP = m.ip[:copy(m.ip[:], dst)]
	m.addr.Zone = ""
	return ipv4.Message{Buffers: m.buffers[:], Addr: &m.addr}
}

func (e *connEngine) Close() error {
	var err error
	for _, c := range e.under {
		err = errors.Join(err, c.Close())
	}
	return err
}
