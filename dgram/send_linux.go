package dgram

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// outgoing is what sending needs. Its lock is held while datagrams are handed to the kernel.
type outgoing struct {
	sync.Mutex
	single [1]Message
	sender *cmsg.Sender
	atOnce bool // or not at all: never wait for room

	ms     []cmsg.Message
	counts []int // datagrams in each of ms
	oob    []byte

	segmentLimit int // largest size that the kernel cuts; 0 once it has shown that it cannot
	trainLimit   int // most datagrams in one train
	stamping     bool

	unix unixSender
}

const (
	sendBatch = 64
	// oobRoom holds the source address, interface, TTL, TOS, segment size and stamp of one message.
	oobRoom = 192
)

func (o *outgoing) setup(rc syscall.RawConn, cfg *Config) (err error) {
	if o.sender, err = cmsg.NewSender(rc, sendBatch); err != nil {
		return err
	}
	o.ms = make([]cmsg.Message, sendBatch)
	o.counts = make([]int, sendBatch)
	o.oob = make([]byte, sendBatch*oobRoom)
	o.unix.setup(rc)
	if !cfg.NoOffload {
		o.segmentLimit, o.trainLimit = MaxPayload6, maxSegments
	}
	return nil
}

// transmit hands checked messages to the kernel and returns how many it took; the error is that of ms[n].
func (c *Conn) transmit(o *outgoing, ms []Message) (int, error) {
	if isUnix(c.network) {
		return o.unix.send(ms)
	}
	n, tries := 0, 0
	for n < len(ms) {
		trains := c.load(o, ms[n:])
		send := o.sender.Send
		if o.atOnce {
			send = o.sender.TrySend
		}
		sent, err := send(o.ms[:trains])
		for _, count := range o.counts[:sent] {
			n += count
		}
		if sent > 0 {
			tries = 0
		}
		switch {
		case err == nil && sent < trains:
			return n, ErrNoRoom
		case err == nil:
			continue
		case o.stamping && ms[n].Stamp != 0 && errors.Is(err, unix.EINVAL):
			o.stamping = false // the kernel does not know SCM_TS_OPT_ID
			continue
		case o.lessOffload(sent, err):
			continue
		}
		if !c.worthAnotherTry(tries, err) {
			return n, err
		}
		tries++
	}
	return n, nil
}

// worthAnotherTry tells whether a send that failed says little about its datagram. An error of an earlier datagram
// fails the next send, once, and more of them may come in meanwhile; EPERM fails the first datagram of some flows.
func (c *Conn) worthAnotherTry(tries int, err error) bool {
	const most = 16 // however many errors come in
	switch {
	case errors.Is(err, unix.EPERM):
		return tries == 0
	case cmsg.Earlier(err):
		return c.drain() > 0 && tries < most || tries == 0
	}
	return false
}

// lessOffload gives up some or all of the segment offload if the train that failed shows that it does not work here.
func (o *outgoing) lessOffload(failed int, err error) bool {
	if failed >= len(o.ms) || o.counts[failed] < 2 {
		return false
	}
	size := len(o.ms[failed].Buf) / o.counts[failed]
	switch {
	case errors.Is(err, unix.EINVAL) && o.counts[failed] > 64:
		o.trainLimit = 64 // UDP_MAX_SEGMENTS before Linux 6.9
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EMSGSIZE):
		o.segmentLimit = min(size-1, o.segmentLimit-1) // larger than the path MTU: such datagrams need fragments
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOPROTOOPT):
		o.segmentLimit = 0 // no checksum offload on the way out
	default:
		return false
	}
	return true
}

// Offload tells whether batches are still cut by the kernel or the device (UDP_SEGMENT). It turns false when that
// was forbidden or has failed.
func (c *Conn) Offload() bool {
	c.out.Lock()
	defer c.out.Unlock()
	return c.out.segmentLimit > 0 && !isUnix(c.network)
}

// StopOffload has every later datagram go through the stack on its own, as Config.NoOffload does from the start. It is
// for who finds that the path mangles trains.
func (c *Conn) StopOffload() {
	c.out.Lock()
	defer c.out.Unlock()
	c.out.segmentLimit = 0
}

// load prepares as many of ms as one system call takes, joined into trains, and returns how many trains.
func (c *Conn) load(o *outgoing, ms []Message) int {
	trains := 0
	for i := 0; i < len(ms) && trains < len(o.ms); trains++ {
		n, payload := o.train(ms[i:])
		m := &ms[i]
		oob := o.oob[trains*oobRoom : trains*oobRoom : (trains+1)*oobRoom]
		to := m.To
		if to.IsZero() {
			to = c.remote
		}
		oob = appendOptions(oob, m, to.IP.Addr().Is4())
		if n > 1 {
			oob = cmsg.AppendSegmentSize(oob, len(m.Payload))
		}
		if m.Stamp != 0 && o.stamping {
			oob = cmsg.AppendTimestampID(cmsg.AppendTimestamping(oob, cmsg.TxSched|cmsg.TxSoftware), m.Stamp)
		}
		o.ms[trains] = cmsg.Message{Buf: payload, OOB: oob, Addr: m.To.IP}
		if zone := m.To.IP.Addr().Zone(); zone != "" {
			o.ms[trains].Scope = c.zones.index(zone)
		}
		o.counts[trains] = n
		i += n
	}
	return trains
}

// train returns how many messages at the front of ms can go as one, and their payloads as one slice.
func (o *outgoing) train(ms []Message) (int, []byte) {
	first := &ms[0]
	payload := first.Payload
	size := len(payload)
	if size == 0 || size > o.segmentLimit {
		return 1, payload
	}
	n := 1
	for last := size; n < len(ms) && n < o.trainLimit && last == size; n++ {
		next := &ms[n]
		last = len(next.Payload)
		end := len(payload) + last
		if last == 0 || last > size || end > MaxPayload4 || end > cap(payload) || &payload[:end][len(payload)] != &next.Payload[0] ||
			next.To != first.To || next.From != first.From || next.Ifindex != first.Ifindex || next.TTL != first.TTL ||
			next.TOS != first.TOS {
			break
		}
		payload = payload[:end]
	}
	return n, payload
}

func appendOptions(b []byte, m *Message, v4 bool) []byte {
	if m.From.IsValid() || m.Ifindex != 0 {
		from := m.From
		if !from.IsValid() {
			from = unspecified(v4)
		}
		b = cmsg.AppendPacketInfo(b, from.Unmap(), m.Ifindex)
	}
	if v4 {
		if m.TTL != 0 {
			b = cmsg.AppendTTL(b, int(m.TTL))
		}
		if m.TOS != 0 {
			b = cmsg.AppendTOS(b, int(m.TOS))
		}
		return b
	}
	if m.TTL != 0 {
		b = cmsg.AppendHopLimit(b, int(m.TTL))
	}
	if m.TOS != 0 {
		b = cmsg.AppendTrafficClass(b, int(m.TOS))
	}
	return b
}

// unixSender sends on a Unix socket, to a name or to the connected peer. The poller's callback is bound once.
type unixSender struct {
	rc     syscall.RawConn
	atOnce bool
	step   func(fd uintptr) bool
	once   func(fd uintptr)

	name string // to is made for this name
	to   unix.Sockaddr
	m    *Message
	oob  []byte
	err  error
}

func (u *unixSender) setup(rc syscall.RawConn) {
	u.rc = rc
	u.step = u.poll
	u.once = func(fd uintptr) { u.poll(fd) }
}

func (u *unixSender) send(ms []Message) (int, error) {
	defer func() { u.m = nil }()
	for i := range ms {
		u.m = &ms[i]
		if name := u.m.To.Unix; name != u.name || u.to == nil {
			u.name, u.to = name, nil
			if name != "" {
				u.to = kernelName(name)
			}
		}
		u.oob = u.oob[:0]
		if files := u.m.Files; len(files) > 0 {
			fds, err := descriptors(files)
			if err != nil {
				return i, err
			}
			u.oob = cmsg.AppendRights(u.oob, fds...)
		}
		var err error
		if u.atOnce {
			err = u.rc.Control(u.once)
		} else {
			err = u.rc.Write(u.step)
		}
		if err != nil {
			return i, err
		}
		if u.err == unix.EAGAIN {
			return i, ErrNoRoom
		}
		if u.err != nil {
			return i, os.NewSyscallError("sendmsg", u.err)
		}
	}
	return len(ms), nil
}

func (u *unixSender) poll(fd uintptr) bool {
	for {
		_, u.err = unix.SendmsgN(int(fd), u.m.Payload, u.oob, u.to, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if u.err != unix.EINTR {
			return u.err != unix.EAGAIN
		}
	}
}

// descriptors of open files. File.Fd would make them blocking.
func descriptors(files []*os.File) ([]int, error) {
	fds := make([]int, 0, len(files))
	for _, f := range files {
		rc, err := f.SyscallConn()
		if err == nil {
			err = rc.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return nil, err
		}
	}
	return fds, nil
}
