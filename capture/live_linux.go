package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

const anySupported = true

// The kernel gives the loopback device this index in every network namespace (LOOPBACK_IFINDEX).
const loopbackIndex = 1

// sll2Len is the length of the LINKTYPE_LINUX_SLL2 header, which cooked frames get.
const sll2Len = 20

// headroom is the space asked for before each frame: an SLL2 header and a VLAN tag fit.
const headroom = 32

// live is a live capture on packet sockets, see packet(7) and Documentation/networking/packet_mmap.rst.
type live struct {
	config  Config
	name    string
	link    LinkType
	cooked  bool
	vnet    bool
	raw     *cmsg.Socket
	from    receiver
	user    *bpf.VM // filter that the kernel cannot run on cooked frames
	granted int

	delivered   atomic.Uint64
	skipped     atomic.Uint64
	undescribed atomic.Uint64 // frames that the kernel took off the queue but could not hand over
	stopped     atomic.Bool
	closed      atomic.Bool
	attributed  uint64 // drops already told in some Frame.Drops
	untold      uint64 // drops before a frame that was not given
	patience    time.Time
	given       uint64 // frames given to the reader
	unfit       uint64 // frames that the filter refused here
	lastIndex   int32  // the device of the last frame, and its index among ifs
	lastDevice  int

	statsMu  sync.Mutex
	stats    Stats
	overflow atomic.Uint64 // stats.Dropped, for the reader

	ifsMu   sync.Mutex
	ifs     []Interface
	byIndex map[int32]int
}

// receiver is a way to get frames out of a packet socket.
type receiver interface {
	// next fills f. With wait false it returns errEmpty when nothing is queued.
	next(f *Frame, wait bool) error
	// await waits until something is queued.
	await() error
	// release says that the last frame's data is no longer used.
	release()
	// close frees what release has not to wait for; it runs after the socket is closed.
	close()
	// pending tells whether the kernel holds frames that the reader has not seen.
	pending(stored uint64) bool
}

var (
	errLiveClosed = fmt.Errorf("capture: %w", net.ErrClosed)
	errFiltered   = errors.New("frame does not match")
)

func linkOf(ifname string) (LinkType, error) {
	_, hatype, err := deviceOf(ifname)
	if err != nil {
		return 0, err
	}
	if link, known := linkOfHardware(hatype); known && ifname != Any {
		return link, nil
	}
	return LinkLinuxSLL2, nil
}

// open opens the sockets for the interface l.name as l.config says.
func (l *live) open() error {
	l.byIndex = make(map[int32]int)
	index, hatype, err := deviceOf(l.name)
	if err != nil {
		return err
	}
	var known bool
	l.link, known = linkOfHardware(hatype)
	l.cooked = l.name == Any || !known
	kind := unix.SOCK_RAW
	if l.cooked {
		l.link, kind = LinkLinuxSLL2, unix.SOCK_DGRAM
	}
	if err := l.compile(); err != nil {
		return err
	}
	// With protocol 0 the socket receives nothing before bind, so that the filter and the ring are in
	// place before the first frame.
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	if err := l.setUp(fd, index); err != nil {
		unix.Close(fd)
		return err
	}
	l.ifs = []Interface{{
		Name: l.name, Index: index, Link: l.link, Snaplen: l.config.Snaplen,
		Resolution: time.Nanosecond, Filter: l.config.FilterText,
	}}
	if index != 0 {
		l.byIndex[int32(index)] = 0
	}
	l.lastIndex = -1 // no device has this
	return nil
}

// setUp does everything that must be done before the first frame arrives, and bind last.
func (l *live) setUp(fd, index int) error {
	filter, user, err := l.program()
	if err != nil {
		return err
	}
	l.user = user
	if err := cmsg.AttachFilter(fd, filter); err != nil {
		return fmt.Errorf("attach the filter: %w", err)
	}
	if !l.cooked {
		// A failure only costs the segment sizes.
		l.vnet = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
	}
	if l.config.Direction == DirectionIn || (index == loopbackIndex && l.config.Direction != DirectionOut) {
		// The filter does the same; this saves the kernel the copies where it knows the option.
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if l.config.DeviceTime {
		if err := enableDeviceTime(fd, l.name); err != nil {
			return err
		}
	}
	var from receiver
	if l.config.Immediate {
		from, err = newMessages(l, fd)
	} else {
		from, err = newRing(l, fd)
	}
	if err != nil {
		return err
	}
	fail := func(err error) error {
		from.close()
		return err
	}
	if l.config.Promiscuous && index != 0 {
		m := unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fail(fmt.Errorf("promiscuous mode: %w", err))
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return fail(fmt.Errorf("bind: %w", err))
	}
	if err := socketError(fd); err != nil {
		return fail(err)
	}
	l.raw, l.from = cmsg.NewSocket(fd, "packet:"+l.name), from
	return nil
}

// compile makes the program of the expression.
func (l *live) compile() error {
	c := &l.config
	if c.Expression == nil {
		return nil
	}
	if len(c.Filter) > 0 {
		return errors.New("both a filter and an expression are given")
	}
	var err error
	c.FilterText = c.Expression.Text()
	c.Filter, err = c.Expression.CompileLive(l.link, c.Snaplen, Netmask(l.name))
	return err
}

func (l *live) read(f *Frame, wait bool) error {
	for {
		if l.closed.Load() {
			l.from.release()
			return errLiveClosed
		}
		stopped := l.stopped.Load()
		err := l.from.next(f, wait && !stopped)
		switch {
		case err == nil:
			f.Drops += l.untold
			l.untold = 0
			l.given++
			return nil
		case err == errFiltered:
			l.untold += f.Drops
			l.unfit++
			continue
		}
		l.publish()
		l.from.release()
		switch {
		case l.closed.Load():
			return errLiveClosed
		case stopped && err == errEmpty:
			if !l.leftBehind() || !l.awaitRest() {
				return io.EOF
			}
		case err == errEmpty:
			return err
		case l.stopped.Load() && errors.Is(err, os.ErrDeadlineExceeded): // woken by Stop
		default:
			return fmt.Errorf("capture: read %s: %w", l.name, err)
		}
	}
}

// publish makes the reader's counts visible to Stats; once a batch, for it costs more than a frame.
func (l *live) publish() {
	l.delivered.Store(l.given)
	l.skipped.Store(l.unfit)
}

// awaitRest waits for the kernel to hand over frames that it stored before Stop; it does so within the
// ring's timeout. The wait is bounded, should the kernel's count be wrong.
func (l *live) awaitRest() bool {
	if l.patience.IsZero() {
		l.patience = time.Now().Add(2*l.config.Timeout + time.Second)
		if err := l.raw.SetReadDeadline(l.patience); err != nil {
			return false
		}
	}
	return l.from.await() == nil
}

// leftBehind tells whether the kernel stored frames that were not read yet.
func (l *live) leftBehind() bool {
	stats, err := l.counts()
	return err == nil && l.from.pending(stats.Received)
}

func (l *live) frames(ctx context.Context, yield func(Frame, error) bool) {
	defer l.from.release()
	set := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		l.setReadDeadline(time.Unix(1, 0))
		close(set)
	})
	defer func() {
		if end() {
			return
		}
		<-set // or the deadline would come after it is taken back
		if !l.closed.Load() {
			l.setReadDeadline(time.Time{})
		}
	}()
	var f Frame
	for ctx.Err() == nil {
		err := l.read(&f, true)
		switch {
		case err == io.EOF || (err != nil && ctx.Err() != nil):
			return
		case err != nil:
			yield(Frame{}, err)
			return
		case !yield(f, nil):
			return
		}
	}
}

func (l *live) interfaces() []Interface {
	l.ifsMu.Lock()
	defer l.ifsMu.Unlock()
	return slices.Clone(l.ifs)
}

func (l *live) buffer() int { return l.granted }

func (l *live) setReadDeadline(t time.Time) error {
	if l.stopped.Load() {
		return nil
	}
	return l.raw.SetReadDeadline(t)
}

func (l *live) counts() (Stats, error) {
	l.statsMu.Lock()
	defer l.statsMu.Unlock()
	if !l.closed.Load() {
		if err := l.fetchStats(); err != nil {
			return l.stats, fmt.Errorf("capture: statistics of %s: %w", l.name, err)
		}
	}
	s := l.stats
	lost := l.undescribed.Load()
	s.Received -= min(lost, s.Received)
	s.Dropped += lost
	s.Delivered = l.delivered.Load()
	s.Skipped = l.skipped.Load()
	return s, nil
}

// fetchStats adds the kernel's counts, which it resets with each reading. Its count of packets includes
// the drops.
func (l *live) fetchStats() error {
	return cmsg.Control(l.raw, func(fd int) error {
		s, err := unix.GetsockoptTpacketStatsV3(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return err
		}
		l.stats.Received += uint64(s.Packets - s.Drops)
		l.stats.Dropped += uint64(s.Drops)
		l.stats.Freezes += uint64(s.Freeze_q_cnt)
		l.overflow.Store(l.stats.Dropped)
		return nil
	})
}

func (l *live) stop() error {
	if l.closed.Load() {
		return errLiveClosed
	}
	if l.stopped.Load() {
		return nil
	}
	err := cmsg.Control(l.raw, func(fd int) error {
		if err := cmsg.RejectAll(fd); err != nil {
			return err
		}
		// Binding to another protocol unhooks the socket and waits for deliveries under way.
		err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_LOOP), Ifindex: l.boundTo()})
		if err == unix.ENETDOWN || err == unix.ENODEV || err == unix.ENXIO {
			err = nil // nothing arrives from there
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("capture: stop %s: %w", l.name, err)
	}
	l.stopped.Store(true)
	return l.raw.SetReadDeadline(time.Unix(1, 0))
}

func (l *live) boundTo() int {
	l.ifsMu.Lock()
	defer l.ifsMu.Unlock()
	return l.ifs[0].Index
}

func (l *live) close() error {
	l.statsMu.Lock()
	if l.closed.Load() {
		l.statsMu.Unlock()
		return errLiveClosed
	}
	_ = l.fetchStats() // the last chance; a failure leaves the counts as they were
	l.closed.Store(true)
	l.statsMu.Unlock()
	err := l.raw.Close()
	l.from.close()
	if err != nil {
		return fmt.Errorf("capture: close %s: %w", l.name, err)
	}
	return nil
}

// device returns the index among Interfaces of the device that a frame was seen on.
func (l *live) device(ifindex int32) int {
	if ifindex == l.lastIndex {
		return l.lastDevice
	}
	i, ok := l.byIndex[ifindex]
	if !ok {
		i = l.addDevice(ifindex)
	}
	l.lastIndex, l.lastDevice = ifindex, i
	return i
}

func (l *live) addDevice(ifindex int32) int {
	name := fmt.Sprintf("if%d", ifindex) // a device that is gone already
	_ = l.raw.Control(func(fd uintptr) {
		ifr, err := unix.NewIfreq("")
		if err != nil {
			return
		}
		ifr.SetUint32(uint32(ifindex))
		if unix.IoctlIfreq(int(fd), unix.SIOCGIFNAME, ifr) == nil {
			name = ifr.Name()
		}
	})
	l.ifsMu.Lock()
	defer l.ifsMu.Unlock()
	l.ifs = append(l.ifs, Interface{
		Name: name, Index: int(ifindex), Link: l.link, Snaplen: l.config.Snaplen,
		Resolution: time.Nanosecond, Filter: l.config.FilterText,
	})
	l.byIndex[ifindex] = len(l.ifs) - 1
	return len(l.ifs) - 1
}

// arrival is what the kernel tells about one frame, the same for both receivers.
type arrival struct {
	status    uint32
	length    uint32
	sec       int64
	nsec      int64
	tci, tpid uint16
	from      *unix.RawSockaddrLinklayer
	vnet      []byte // virtio_net_hdr, or empty
}

// fill makes f of the frame at buf[at:end]; at least headroom bytes before it are free.
func (l *live) fill(f *Frame, a *arrival, buf []byte, at, end int) error {
	f.Time = time.Unix(a.sec, a.nsec)
	f.Ifindex = int(a.from.Ifindex)
	f.Interface = l.device(a.from.Ifindex)
	f.Link = l.link
	f.Direction = DirectionIn
	if a.from.Pkttype == unix.PACKET_OUTGOING {
		f.Direction = DirectionOut
	}
	f.Offload = Offload{
		ChecksumPending: a.status&unix.TP_STATUS_CSUMNOTREADY != 0,
		ChecksumValid:   a.status&unix.TP_STATUS_CSUM_VALID != 0,
	}
	f.Comments, f.Process, f.Thread = nil, 0, 0
	f.Length = int(a.length)
	if len(a.vnet) > 0 {
		segments(&f.Offload, a.vnet, buf[at:end], f.Length)
	}
	tagged := a.status&unix.TP_STATUS_VLAN_VALID != 0
	tpid := a.tpid
	if a.status&unix.TP_STATUS_VLAN_TPID_VALID == 0 {
		tpid = unix.ETH_P_8021Q
	}
	switch {
	case l.cooked:
		at = cook(a, tagged, tpid, buf, at)
		f.Length += sll2Len
		if tagged {
			f.Length += 4
		}
	case tagged && l.link == LinkEthernet && end-at >= 12:
		copy(buf[at-4:at+8], buf[at:at+12])
		binary.BigEndian.PutUint16(buf[at+8:], tpid)
		binary.BigEndian.PutUint16(buf[at+10:], a.tci)
		at -= 4
		f.Length += 4
	}
	if end-at > l.config.Snaplen {
		end = at + l.config.Snaplen
	}
	f.Data = buf[at:end:end]
	if l.user != nil {
		if n, err := l.user.Run(f.Data); err != nil || n == 0 {
			return errFiltered
		}
	}
	return nil
}

// cook writes a LINKTYPE_LINUX_SLL2 header, and the VLAN tag if there is one, before the frame at buf[at:]
// and returns where they start.
func cook(a *arrival, tagged bool, tpid uint16, buf []byte, at int) int {
	protocol := binary.BigEndian.Uint16(protocolBytes(a.from))
	if tagged {
		binary.BigEndian.PutUint16(buf[at-4:], a.tci)
		binary.BigEndian.PutUint16(buf[at-2:], protocol)
		protocol = tpid
		at -= 4
	}
	h := buf[at-sll2Len : at]
	binary.BigEndian.PutUint16(h, protocol)
	binary.BigEndian.PutUint16(h[2:], 0)
	binary.BigEndian.PutUint32(h[4:], uint32(a.from.Ifindex))
	binary.BigEndian.PutUint16(h[8:], a.from.Hatype)
	h[10] = a.from.Pkttype
	h[11] = min(a.from.Halen, 8)
	copy(h[12:], a.from.Addr[:])
	return at - sll2Len
}

// The fields of a virtio_net_hdr, see linux/virtio_net.h.
const (
	vnetHeaderLen    = 10
	vnetNeedsCsum    = 1
	vnetDataValid    = 2
	vnetGSONone      = 0
	vnetGSOTCPv4     = 1
	vnetGSOTCPv6     = 4
	vnetGSOECNMarker = 0x80
)

// segments reads the virtio_net_hdr h of a frame: what was left to the device, and how many frames on the
// wire a super-packet stands for.
func segments(o *Offload, h, frame []byte, length int) {
	if h[0]&vnetNeedsCsum != 0 {
		o.ChecksumPending = true
	}
	if h[0]&vnetDataValid != 0 {
		o.ChecksumValid = true
	}
	gso := h[1] &^ vnetGSOECNMarker
	size := int(binary.NativeEndian.Uint16(h[4:]))
	if gso == vnetGSONone || size == 0 {
		return
	}
	header := int(binary.NativeEndian.Uint16(h[6:])) // csum_start: where the transport header is
	if h[0]&vnetNeedsCsum == 0 {
		header = int(binary.NativeEndian.Uint16(h[2:]))
	} else if gso == vnetGSOTCPv4 || gso == vnetGSOTCPv6 {
		if header+12 >= len(frame) {
			return
		}
		header += int(frame[header+12]>>4) * 4
	} else {
		header += 8
	}
	o.SegmentSize = uint16(size)
	if length > header {
		o.Segments = uint16(min((length-header+size-1)/size, 0xffff))
	}
}
