package capture

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

const (
	messageBatch   = 32
	messageControl = 192 // auxiliary data, time stamp and drop count fit
	// SO_MEMINFO and others count what a buffer holds; the kernel doubles what SO_RCVBUF asks for.
	bufferDoubling = 2
)

// messages receives frames with recvmmsg: each is there as soon as the kernel queued it.
type messages struct {
	live *live
	poll func(fd uintptr) bool // bound once, so that waiting does not allocate
	look func(fd uintptr)
	err  error
	a    arrival

	msgs    []cmsg.Header
	iovs    []unix.Iovec
	names   []unix.RawSockaddrLinklayer
	control []byte
	data    []byte
	slot    int // bytes of data for each message
	n, at   int // messages received, and taken
	dropped uint32
}

func newMessages(l *live, fd int) (*messages, error) {
	granted, err := cmsg.SetReadBuffer(fd, l.config.Buffer/bufferDoubling)
	if err != nil {
		return nil, fmt.Errorf("receive buffer: %w", err)
	}
	l.granted = granted
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return nil, fmt.Errorf("auxiliary data: %w", err)
	}
	want := cmsg.Drops | cmsg.RxSoftware
	if l.config.DeviceTime {
		want |= cmsg.RxHardware
	}
	if _, err := cmsg.Enable(fd, want); err != nil {
		return nil, err
	}
	m := &messages{live: l, slot: headroom + vnetHeaderLen + l.config.Snaplen + 4}
	m.slot = (m.slot + 63) &^ 63
	m.msgs = make([]cmsg.Header, messageBatch)
	m.iovs = make([]unix.Iovec, messageBatch)
	m.names = make([]unix.RawSockaddrLinklayer, messageBatch)
	m.control = make([]byte, messageBatch*messageControl)
	m.data = make([]byte, messageBatch*m.slot) // touched only as far as frames reach
	for i := range m.msgs {
		m.iovs[i].Base = &m.data[i*m.slot+headroom]
		m.iovs[i].SetLen(m.slot - headroom)
		h := &m.msgs[i].Msghdr
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Iov = &m.iovs[i]
		h.SetIovlen(1)
		h.Control = &m.control[i*messageControl]
	}
	m.poll = m.receive
	m.look = func(fd uintptr) { m.receive(fd) }
	return m, nil
}

func (m *messages) release()            {}
func (m *messages) close()              {}
func (m *messages) await() error        { return nil }
func (m *messages) pending(uint64) bool { return false }

func (m *messages) next(f *Frame, wait bool) error {
	if m.at == m.n {
		m.at, m.n, m.err = 0, 0, nil
		m.live.publish()
		for i := range m.msgs {
			m.msgs[i].Namelen = unix.SizeofSockaddrLinklayer
			m.msgs[i].SetControllen(messageControl)
		}
		var err error
		if wait {
			err = m.live.raw.Read(m.poll)
		} else {
			err = m.live.raw.Control(m.look)
		}
		switch {
		case err != nil:
			return err
		case m.err != nil:
			return m.err
		case m.n == 0:
			return errEmpty
		}
	}
	i := m.at
	m.at++
	return m.frame(f, i)
}

// receive runs on the runtime poller: it reports whether waiting is over.
func (m *messages) receive(fd uintptr) bool {
	m.err = nil
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.msgs[0])), messageBatch,
			unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			m.n = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		case unix.EINVAL:
			// The kernel has taken a frame off the queue whose segment offload it cannot describe.
			if m.live.vnet {
				m.live.undescribed.Add(1)
				m.live.untold++
				continue
			}
			m.err = errno
			return true
		default:
			m.err = errno
			return true
		}
	}
}

func (m *messages) frame(f *Frame, i int) error {
	h := &m.msgs[i].Msghdr
	a := &m.a
	a.from = &m.names[i]
	at := i*m.slot + headroom
	end := at + int(m.msgs[i].N)
	a.vnet = nil
	if m.live.vnet {
		a.vnet = m.data[at : at+vnetHeaderLen]
		at += vnetHeaderLen
	}
	a.status, a.length = 0, uint32(end-at)
	dropped := m.parse(m.control[i*messageControl:][:h.Controllen])
	err := m.live.fill(f, a, m.data, at, end)
	f.Drops = uint64(dropped - m.dropped)
	m.dropped = dropped
	return err
}

// parse reads the control messages of a frame, in any order, and returns the kernel's running count of
// drops.
func (m *messages) parse(b []byte) (dropped uint32) {
	dropped = m.dropped
	word := func(b []byte) int64 {
		if unsafe.Sizeof(uintptr(0)) == 8 {
			return int64(binary.NativeEndian.Uint64(b))
		}
		return int64(int32(binary.NativeEndian.Uint32(b)))
	}
	const wordLen = int(unsafe.Sizeof(uintptr(0)))
	for len(b) > 0 {
		level, kind, body, rest, ok := cmsg.Split(b)
		if !ok {
			return dropped
		}
		switch {
		case level == unix.SOL_PACKET && kind == unix.PACKET_AUXDATA &&
			len(body) >= int(unsafe.Sizeof(unix.TpacketAuxdata{})):
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&body[0]))
			m.a.status, m.a.length = aux.Status, aux.Len
			m.a.tci, m.a.tpid = aux.Vlan_tci, aux.Vlan_tpid
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(body) >= 2*wordLen:
			m.a.sec, m.a.nsec = word(body), word(body[wordLen:])
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPING && len(body) >= 6*wordLen:
			m.a.sec, m.a.nsec = word(body), word(body[wordLen:])
			if sec := word(body[4*wordLen:]); sec != 0 { // the device's stamp, where there is one
				m.a.sec, m.a.nsec = sec, word(body[5*wordLen:])
			}
		case level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL && len(body) >= 4:
			dropped = binary.NativeEndian.Uint32(body)
		}
		b = rest
	}
	return dropped
}
