package capture

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring block holds the largest frame and is handed over whole, so it is the unit of batching: a large ring
// has large blocks and wakes its reader less often.
const (
	smallBlock = 256 << 10
	largeBlock = 1 << 20
	fewBlocks  = 8
)

// ring receives frames through a TPACKET_V3 ring shared with the kernel: no system call and no copy a
// frame. The kernel fills a block, hands it over when it is full or Config.Timeout old, and gets it back
// when the reader has stepped past its last frame.
type ring struct {
	live   *live
	size   int // of a block
	blocks int
	poll   func(fd uintptr) bool // bound once, so that waiting does not allocate
	err    error
	a      arrival

	mem     *ringMemory
	current int    // block that the reader is in, or that it waits for
	held    bool   // the reader is in a block
	left    uint32 // frames in it not yet taken
	at      int    // offset of the next one in mem
	asked   bool   // statistics were read for this block
	taken   atomic.Uint64

	mu     sync.Mutex
	in     bool // the reader may use mem
	closed bool
}

func newRing(l *live, fd int) (*ring, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("TPACKET_V3: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, headroom); err != nil {
		return nil, fmt.Errorf("frame headroom: %w", err)
	}
	r := &ring{live: l, size: smallBlock}
	if l.config.Buffer >= fewBlocks*largeBlock {
		r.size = largeBlock
	}
	r.blocks = max(l.config.Buffer/r.size, 2)
	for {
		err := r.request(fd, l.config)
		if err == nil {
			break
		}
		if err != unix.ENOMEM || r.blocks <= 2 {
			return nil, fmt.Errorf("ring of %d bytes: %w", r.blocks*r.size, err)
		}
		r.blocks /= 2 // a fragmented machine: less is better than nothing, and Buffer tells
	}
	mem, err := unix.Mmap(fd, 0, r.blocks*r.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the ring: %w", err)
	}
	r.mem = &ringMemory{bytes: mem}
	r.poll = r.ready
	l.granted = len(mem)
	// For a Live that was closed while a frame was held, and then dropped.
	runtime.AddCleanup(l, (*ringMemory).unmap, r.mem)
	return r, nil
}

func (r *ring) request(fd int, c Config) error {
	const frame = 2048 // V3 packs frames; the size only has to add up
	return unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: uint32(r.size), Block_nr: uint32(r.blocks),
		Frame_size: frame, Frame_nr: uint32(r.blocks * (r.size / frame)),
		Retire_blk_tov: uint32(max(c.Timeout.Milliseconds(), 1)),
	})
}

// ringMemory is the mapping, apart from the ring so that a cleanup can hold it.
type ringMemory struct {
	bytes []byte
	once  sync.Once
}

func (m *ringMemory) unmap() { m.once.Do(func() { _ = unix.Munmap(m.bytes) }) }

// enter says that the reader uses the mapping from now on, until release. It fails after close.
func (r *ring) enter() bool {
	if r.in { // only the reader sets it
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in = !r.closed
	return r.in
}

func (r *ring) release() {
	r.giveBack()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in = false
	if r.closed {
		r.mem.unmap()
	}
}

// giveBack returns the block to the kernel if all its frames are taken and done with.
func (r *ring) giveBack() {
	if r.in && r.held && r.left == 0 {
		r.held = false
		atomic.StoreUint32(&r.block().Block_status, unix.TP_STATUS_KERNEL)
		r.current = (r.current + 1) % r.blocks
	}
}

func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if !r.in {
		r.mem.unmap()
	}
}

func (r *ring) pending(stored uint64) bool { return r.taken.Load() < stored }

// block returns the header of the current block.
func (r *ring) block() *unix.TpacketHdrV1 {
	d := (*unix.TpacketBlockDesc)(unsafe.Pointer(&r.mem.bytes[r.current*r.size]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&d.Hdr[0]))
}

func (r *ring) next(f *Frame, wait bool) error {
	if !r.enter() {
		return errLiveClosed
	}
	for r.left == 0 {
		if err := r.nextBlock(wait); err != nil {
			return err
		}
	}
	return r.frame(f)
}

func (r *ring) nextBlock(wait bool) error {
	r.giveBack()
	if !r.full() {
		if !wait {
			return errEmpty
		}
		r.live.publish()
		if err := r.await(); err != nil {
			return err
		}
	}
	b := r.block()
	r.held, r.asked = true, false
	r.left = b.Num_pkts
	r.taken.Add(uint64(r.left))
	r.live.publish()
	r.at = r.current*r.size + int(b.Offset_to_first_pkt)
	return nil
}

// full tells whether the kernel has handed over the current block.
func (r *ring) full() bool {
	return atomic.LoadUint32(&r.block().Block_status)&unix.TP_STATUS_USER != 0
}

func (r *ring) await() error {
	if !r.enter() {
		return errLiveClosed
	}
	r.err = nil
	if err := r.live.raw.Read(r.poll); err != nil {
		return err
	}
	return r.err
}

// ready runs on the runtime poller: it reports whether waiting is over.
func (r *ring) ready(fd uintptr) bool {
	if r.full() {
		return true
	}
	r.err = socketError(int(fd))
	return r.err != nil
}

// frame takes the next frame of the block.
func (r *ring) frame(f *Frame) error {
	start := r.at
	h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.mem.bytes[start]))
	r.at += int(h.Next_offset)
	r.left--
	a := &r.a
	a.status, a.length = h.Status, h.Len
	a.sec, a.nsec = int64(h.Sec), int64(h.Nsec)
	a.tci, a.tpid = uint16(h.Hv1.Vlan_tci), h.Hv1.Vlan_tpid
	a.from = (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&r.mem.bytes[start+int(unsafe.Sizeof(*h))]))
	mac := start + int(h.Mac)
	a.vnet = nil
	if r.live.vnet {
		a.vnet = r.mem.bytes[mac-vnetHeaderLen : mac]
	}
	err := r.live.fill(f, a, r.mem.bytes, mac, mac+int(h.Snaplen))
	f.Drops = r.drops(h.Status)
	return err
}

// drops returns the losses not told yet. The kernel marks frames that it stores after a loss until the
// statistics are read; the count is then of all losses up to now.
func (r *ring) drops(status uint32) uint64 {
	l := r.live
	if status&unix.TP_STATUS_LOSING != 0 && !r.asked {
		r.asked = true
		_, _ = l.counts() // a failure leaves the count for the next block
	}
	n := l.overflow.Load() - l.attributed
	l.attributed += n
	return n
}
