package inject

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/wire"
)

// pollable is a [cmsg.Socket], or a model of one.
type pollable interface {
	syscall.RawConn
	Close() error
}

// patience counts how often there was no room, and says for how long to try again.
type patience struct {
	refusals uint64
	most     time.Duration // without room, before a send fails; 0 for refusalLimit
}

func (p *patience) Refusals() uint64 { return p.refusals }

func (p *patience) limit() time.Duration { return cmp.Or(p.most, refusalLimit) }

// pause counts a refusal and waits a little. It reports whether to go on: until end, which the first refusal in a row
// sets.
func (p *patience) pause(end *time.Time) bool {
	p.refusals++
	now := time.Now()
	if end.IsZero() {
		*end = now.Add(p.limit())
	}
	time.Sleep(refusalPause)
	return now.Before(*end)
}

// socket sends batches of messages on one socket. It is what engines have in common.
type socket struct {
	patience
	name string // what the engine says of itself
	conn pollable
	hdrs []cmsg.Header
	step func(fd uintptr) bool // s.attempt, bound once: a method value made per call would be an allocation

	// Arguments and results of step.
	pending []cmsg.Header
	sent    int
	errno   syscall.Errno
}

const (
	refusalPause = 50 * time.Microsecond
	refusalLimit = 2 * time.Second // without room
)

func newSocket(domain, typ, proto, batch int, cfg *Config) (*socket, error) {
	// The socket stays blocking so that the runtime does not watch it: a watched socket wakes its watcher for every
	// packet that leaves its send buffer, which costs a tenth of the rate. Sends say MSG_DONTWAIT.
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	setSendBuffer(fd, cfg)
	s := &socket{conn: cmsg.NewSocket(fd, "inject"), hdrs: make([]cmsg.Header, batch)}
	s.most = cfg.patience
	s.step = s.attempt
	return s, nil
}

func (s *socket) String() string { return s.name }
func (s *socket) Close() error   { return s.conn.Close() }

// setSendBuffer asks for a send buffer; the kernel grants what it may.
func setSendBuffer(fd int, cfg *Config) {
	cmsg.SetWriteBuffer(fd, cmp.Or(cfg.SendBuffer, 1<<20))
}

// send sends the first n of s.hdrs and returns how many the kernel took.
func (s *socket) send(n int) (int, error) {
	s.pending, s.sent = s.hdrs[:n], 0
	for end := (time.Time{}); ; {
		s.errno = 0
		before := s.sent
		if err := s.conn.Write(s.step); err != nil {
			return s.sent, err
		}
		switch {
		case s.errno == 0:
			return s.sent, nil
		case s.errno != unix.ENOBUFS:
			return s.sent, os.NewSyscallError("sendmmsg", s.errno)
		}
		if s.sent > before {
			end = time.Time{}
		}
		if !s.pause(&end) {
			return s.sent, os.NewSyscallError("sendmmsg", s.errno)
		}
	}
}

// attempt sends until all is sent or the kernel says no. It always returns true: there is nothing to come back for.
func (s *socket) attempt(fd uintptr) bool {
	for len(s.pending) > 0 {
		// A raw call, for it does not block: the runtime's monitor would take the processor away from one of this
		// length, which costs a fifth of the rate where there is only one.
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&s.pending[0])), uintptr(len(s.pending)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			s.sent += int(n)
			s.pending = s.pending[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			s.refusals++
			if !awaitRoom(int(fd), s.limit()) {
				s.errno = errno
				return true
			}
		default:
			s.errno = errno
			return true
		}
	}
	return true
}

// awaitRoom waits until the socket's send buffer has room, and reports whether it has.
func awaitRoom(fd int, patience time.Duration) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(p[:], 100); n > 0 || err != nil && err != unix.EINTR {
			return true // an error comes again from the send
		}
	}
	return false
}

func interfaceByName(name string) (*net.Interface, error) {
	if name == "" {
		return nil, errors.New("an interface is needed")
	}
	return net.InterfaceByName(name)
}

// frameEngine sends frames through a packet socket.
type frameEngine struct {
	*socket
	iovs []unix.Iovec
}

const frameBatch = 256

// OpenFrames returns an engine for whole frames, link header included, on one device. Nothing in them is changed.
func OpenFrames(cfg *Config) (Engine, error) {
	s, err := openPacket(cfg, fmt.Sprintf("packet socket on %%s, batches of %d", frameBatch), frameBatch, false)
	if err != nil {
		return nil, fmt.Errorf("inject: packet socket: %w", err)
	}
	return &frameEngine{s, make([]unix.Iovec, frameBatch)}, nil
}

// openPacket opens a packet socket. The name is what the engine says of itself, with the device's to come.
func openPacket(cfg *Config, name string, batch int, vnet bool) (*socket, error) {
	cfg = cmp.Or(cfg, &Config{})
	device, err := interfaceByName(cfg.Interface)
	if err != nil {
		return nil, err
	}
	s, err := newSocket(unix.AF_PACKET, unix.SOCK_RAW, 0, batch, cfg) // protocol 0: it receives nothing
	if err != nil {
		return nil, err
	}
	if s.name = fmt.Sprintf(name, device.Name); cfg.QueueBypass {
		s.name += ", past its queue"
	}
	err = cmsg.Control(s.conn, func(fd int) error {
		if vnet {
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
				return os.NewSyscallError("PACKET_VNET_HDR", err)
			}
		}
		if cfg.QueueBypass {
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
				return os.NewSyscallError("PACKET_QDISC_BYPASS", err)
			}
		}
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: device.Index}))
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (e *frameEngine) Send(packets [][]byte) (int, error) {
	total := 0
	for total < len(packets) {
		n := min(len(packets)-total, frameBatch)
		for i, p := range packets[total : total+n] {
			e.iovs[i].Base = unsafe.SliceData(p)
			e.iovs[i].SetLen(len(p))
			e.hdrs[i].Iov = &e.iovs[i]
			e.hdrs[i].SetIovlen(1)
		}
		sent, err := e.send(n)
		total += sent
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (e *frameEngine) Batch() int { return frameBatch }

// trainEngine sends runs of equal UDP frames as one large datagram that is cut by the device or the kernel.
type trainEngine struct {
	*socket
	iovs   []unix.Iovec // two for each message
	trains []train
}

// train is the header that tells the kernel how to cut, and the frame; and what it was made of, so that one train
// after the other of equal frames is made once.
type train struct {
	header [10]byte
	frame  []byte
	source []byte
	count  int
}

const (
	trainLength = 64 // segments; what kernels before 6.9 cut at most
	trainBatch  = 8  // trains in one system call
)

// The virtio_net_hdr of a train (linux/virtio_net.h).
const (
	vnetNeedsChecksum = 1
	vnetUDP           = 5 // VIRTIO_NET_HDR_GSO_UDP_L4
)

// OpenTrains returns an engine for frames as [OpenFrames] does, that sends runs of equal UDP frames as trains: equal
// ones in a row are a run. [TrainRefuses] says which frames can go as one; runs of others are refused with
// EINVAL, and single frames go as they are. IPv4 ids count up within a train.
func OpenTrains(cfg *Config) (Engine, error) {
	s, err := openPacket(cfg, fmt.Sprintf("segment-offload trains of %d on %%s", trainLength), trainBatch, true)
	if err != nil {
		return nil, fmt.Errorf("inject: trains: %w", err)
	}
	e := &trainEngine{s, make([]unix.Iovec, 2*trainBatch), make([]train, trainBatch)}
	for i := range e.hdrs {
		e.hdrs[i].Iov = &e.iovs[2*i]
		e.hdrs[i].SetIovlen(2)
	}
	return e, nil
}

func (e *trainEngine) Send(packets [][]byte) (int, error) {
	total := 0
	for total < len(packets) {
		var counts [trainBatch]int
		n, at := 0, total
		for n < trainBatch && at < len(packets) {
			run := runLength(packets[at:])
			if err := e.build(n, packets[at], run); err != nil {
				if n == 0 {
					return total, err
				}
				break
			}
			counts[n] = run
			at += run
			n++
		}
		sent, err := e.send(n)
		for _, c := range counts[:sent] {
			total += c
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// runLength returns how many packets from the first on are equal, up to what one train holds.
func runLength(packets [][]byte) int {
	first := packets[0]
	limit := trainLength
	if l, reason := parseTrainSizes(first); reason == "" {
		limit = min(limit, (65535-(l.payload-l.ip))/(len(first)-l.payload))
	}
	n := 1
	for n < len(packets) && n < limit && (unsafe.SliceData(packets[n]) == unsafe.SliceData(first) || bytes.Equal(packets[n], first)) {
		n++
	}
	return n
}

// parseTrainSizes finds the headers without looking at checksums.
func parseTrainSizes(f []byte) (trainLayout, string) {
	l := trainLayout{ip: 14, udp: 34, payload: 42}
	if len(f) > 14 && f[14]>>4 == 6 {
		l.udp, l.payload = 54, 62
	}
	if len(f) <= l.payload {
		return l, "short"
	}
	return l, ""
}

// build makes train i of count frames.
func (e *trainEngine) build(i int, frame []byte, count int) error {
	t := &e.trains[i]
	if t.count == count && bytes.Equal(t.source, frame) {
		return nil
	}
	t.header, t.frame, t.count = [10]byte{}, append(t.frame[:0], frame...), 0
	t.source = append(t.source[:0], frame...)
	if count == 1 { // no train: the frame goes as it is
		e.point(i, count)
		return nil
	}
	l, reason := parseTrain(frame)
	if reason != "" {
		return os.NewSyscallError("sendmmsg: "+reason, unix.EINVAL)
	}
	payload := frame[l.payload:]
	for range count - 1 {
		t.frame = append(t.frame, payload...)
	}
	h := t.frame
	size := uint16(len(h) - l.udp)
	if l.udp == 34 {
		ip := wire.IPv4(h[14:34])
		ip.SetTotalLength(uint16(len(h) - 14))
		ip.UpdateChecksum()
	} else {
		binary.BigEndian.PutUint16(h[18:], size)
	}
	binary.BigEndian.PutUint16(h[l.udp+4:], size)
	binary.BigEndian.PutUint16(h[l.udp+6:], l.pseudoHeader(h).Fold()) // whoever cuts completes it
	t.header = [10]byte{vnetNeedsChecksum, vnetUDP}
	binary.NativeEndian.PutUint16(t.header[2:], uint16(l.payload))
	binary.NativeEndian.PutUint16(t.header[4:], uint16(len(payload)))
	binary.NativeEndian.PutUint16(t.header[6:], uint16(l.udp))
	binary.NativeEndian.PutUint16(t.header[8:], 6)
	e.point(i, count)
	return nil
}

// point makes message i that of train i, which is ready.
func (e *trainEngine) point(i, count int) {
	t, iov := &e.trains[i], e.iovs[2*i:]
	t.count = count
	iov[0].Base = &t.header[0]
	iov[0].SetLen(len(t.header))
	iov[1].Base = unsafe.SliceData(t.frame)
	iov[1].SetLen(len(t.frame))
}

func (e *trainEngine) Batch() int { return trainLength * trainBatch }
