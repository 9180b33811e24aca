package inject

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/wire"
)

// xdpEngine sends frames through an AF_XDP socket in copy mode (kernel: Documentation/networking/af_xdp.rst). Frames
// lie in memory that is shared with the kernel, in chunks; a ring of descriptors says which are to leave, and another
// which have left. One system call sends what is in the ring, without a message header to copy and check for each
// frame, which is what makes it faster than a packet socket.
type xdpEngine struct {
	*socket
	mtu int

	chunk int // bytes in each
	umem  []byte
	free  []uint64 // addresses of chunks that are ours; the last one used is used first: it is still in the cache
	inUse [xdpBatch]uint64

	tx   xdpRing
	desc []unix.XDPDesc // of tx
	next uint32         // descriptor that the kernel takes next; it tells only once a frame has left
	end  uint32         // descriptor behind the last one that the kernel was shown
	done xdpRing
	left []uint64 // of done
}

const (
	xdpBatch = 256
	xdpRings = 512 // descriptors in each ring, and chunks
)

// xdpRing is one of the rings that are shared with the kernel.
type xdpRing struct {
	memory             []byte
	producer, consumer *uint32
}

// OpenXDP returns an engine for whole frames, link header included, on one device, as [OpenFrames] does, that hands
// them over through shared memory (AF_XDP, in copy mode): faster, and like QueueBypass past the queueing discipline and
// unseen by other packet sockets of this host. Frames are 14 to 4096 bytes. It needs Linux 5.4, a device whose first
// queue no other AF_XDP socket has, and 1 to 2 MiB of locked memory; where one of these is missing OpenXDP fails and
// [OpenFrames] does the same job. It sends only: nothing that the device receives is touched.
func OpenXDP(cfg *Config) (Engine, error) {
	cfg = cmp.Or(cfg, &Config{})
	device, err := interfaceByName(cfg.Interface)
	if err != nil {
		return nil, fmt.Errorf("inject: AF_XDP: %w", err)
	}
	s, err := newSocket(unix.AF_XDP, unix.SOCK_RAW, 0, 0, cfg)
	if err != nil {
		return nil, fmt.Errorf("inject: AF_XDP: %w", err)
	}
	s.name = fmt.Sprintf("AF_XDP on %s, batches of %d, past its queue", device.Name, xdpBatch)
	e := &xdpEngine{socket: s, mtu: device.MTU, chunk: 2048}
	if device.MTU+frameExtra > e.chunk {
		e.chunk = 4096 // the largest that every kernel takes
	}
	if err := cmsg.Control(s.conn, func(fd int) error { return e.open(fd, device.Index) }); err != nil {
		e.Close()
		return nil, fmt.Errorf("inject: AF_XDP on %s: %w", device.Name, err)
	}
	s.step = e.kick
	return e, nil
}

// frameExtra is what a frame may have more than the MTU: an Ethernet header and a VLAN tag.
const frameExtra = 14 + 4

func (e *xdpEngine) open(fd, ifindex int) (err error) {
	if e.umem, err = unix.Mmap(-1, 0, xdpRings*e.chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	reg := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(e.umem)))), Len: uint64(len(e.umem)), Size: uint32(e.chunk)}
	// Kernels before 5.4 know a shorter structure, and take no more than they know.
	const xdpUmemRegV1 = 24
	if err := setXDP(fd, unix.XDP_UMEM_REG, unsafe.Pointer(&reg), xdpUmemRegV1); err != nil {
		return os.NewSyscallError("XDP_UMEM_REG", err)
	}
	for _, ring := range []struct {
		option, size int
		name         string
	}{
		{unix.XDP_UMEM_FILL_RING, 1, "XDP_UMEM_FILL_RING"}, // must be there, and stays empty
		{unix.XDP_UMEM_COMPLETION_RING, xdpRings, "XDP_UMEM_COMPLETION_RING"},
		{unix.XDP_TX_RING, xdpRings, "XDP_TX_RING"},
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_XDP, ring.option, ring.size); err != nil {
			return os.NewSyscallError(ring.name, err)
		}
	}
	// How many frames one system call sends: 32 on kernels before 6.17, which do not know the option.
	unix.SetsockoptInt(fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, xdpRings)
	if err := e.mapRings(fd); err != nil {
		return err
	}
	for i := range xdpRings {
		e.free = append(e.free, uint64((xdpRings-1-i)*e.chunk))
	}
	return os.NewSyscallError("bind", bindXDP(fd, ifindex))
}

// xdpBusy is how long a device is waited for whose socket has just been closed: the kernel cleans up behind it later.
const xdpBusy = 200 * time.Millisecond

func bindXDP(fd, ifindex int) error {
	for end := time.Now().Add(xdpBusy); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Bind(fd, &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(ifindex)})
		if err != unix.EBUSY || time.Now().After(end) {
			return err
		}
	}
}

func setXDP(fd, option int, value unsafe.Pointer, size uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(value), size, 0); errno != 0 {
		return errno
	}
	return nil
}

func (e *xdpEngine) mapRings(fd int) error {
	var offsets unix.XDPMmapOffsets
	size := uint32(unsafe.Sizeof(offsets))
	if _, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS, uintptr(unsafe.Pointer(&offsets)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 {
		return os.NewSyscallError("XDP_MMAP_OFFSETS", errno)
	}
	if uintptr(size) != unsafe.Sizeof(offsets) { // before 5.4 there were no flags in it
		return fmt.Errorf("XDP_MMAP_OFFSETS: %w", unix.EOPNOTSUPP)
	}
	var err error
	if e.tx, err = mapXDPRing(fd, unix.XDP_PGOFF_TX_RING, &offsets.Tx, unsafe.Sizeof(unix.XDPDesc{})); err != nil {
		return err
	}
	e.desc = unsafe.Slice((*unix.XDPDesc)(unsafe.Pointer(&e.tx.memory[offsets.Tx.Desc])), xdpRings)
	if e.done, err = mapXDPRing(fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.Cr, 8); err != nil {
		return err
	}
	e.left = unsafe.Slice((*uint64)(unsafe.Pointer(&e.done.memory[offsets.Cr.Desc])), xdpRings)
	return nil
}

func mapXDPRing(fd int, page int64, at *unix.XDPRingOffset, entry uintptr) (r xdpRing, err error) {
	r.memory, err = unix.Mmap(fd, page, int(uintptr(at.Desc)+xdpRings*entry), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, os.NewSyscallError("mmap of a ring", err)
	}
	r.producer = (*uint32)(unsafe.Pointer(&r.memory[at.Producer]))
	r.consumer = (*uint32)(unsafe.Pointer(&r.memory[at.Consumer]))
	return r, nil
}

// Send hands over frames.
func (e *xdpEngine) Send(packets [][]byte) (int, error) {
	total, end := 0, time.Time{}
	for total < len(packets) {
		n, err := e.place(packets[total:])
		if n == 0 && err != nil {
			return total, err
		}
		sent, errno := 0, unix.EAGAIN // what it is when all chunks are on their way
		if n > 0 {
			if sent, errno, err = e.push(n); err != nil {
				return total, err
			}
		}
		total += sent
		if sent > 0 {
			end = time.Time{}
		}
		switch errno {
		case 0:
			continue
		case unix.EBUSY:
			errno = unix.ENOBUFS // what a packet socket calls it
		case unix.EAGAIN, unix.ENOBUFS:
		default:
			return total, os.NewSyscallError("sendto", errno)
		}
		if !e.pause(&end) {
			return total, os.NewSyscallError("sendto", errno)
		}
	}
	return total, nil
}

// reap takes back the chunks that have left.
func (e *xdpEngine) reap() {
	from, to := atomic.LoadUint32(e.done.consumer), atomic.LoadUint32(e.done.producer)
	for ; from != to; from++ {
		e.free = append(e.free, e.left[from%xdpRings]&^uint64(e.chunk-1))
	}
	atomic.StoreUint32(e.done.consumer, to)
}

// place copies frames into chunks and the ring, and returns how many; the error is of the frame behind them. The kernel
// sees them when push says so.
func (e *xdpEngine) place(packets [][]byte) (int, error) {
	e.reap()
	n := min(len(packets), xdpBatch, len(e.free))
	for i, p := range packets[:n] {
		if err := e.refuses(p); err != nil {
			return i, err
		}
		addr := e.free[len(e.free)-1]
		e.free = e.free[:len(e.free)-1]
		e.inUse[i] = addr
		copy(e.umem[addr:], p)
		e.desc[(e.next+uint32(i))%xdpRings] = unix.XDPDesc{Addr: addr, Len: uint32(len(p))}
	}
	return n, nil
}

// refuses says what a packet socket's kernel would say. An AF_XDP socket's lets every frame through, for the device to
// drop.
func (e *xdpEngine) refuses(p []byte) error {
	if len(p) < 14 {
		return os.NewSyscallError("frame without an Ethernet header", unix.EINVAL)
	}
	limit := e.mtu + 14
	if binary.BigEndian.Uint16(p[12:]) == wire.EtherTypeVLAN {
		limit += 4
	}
	if len(p) > min(limit, e.chunk) {
		return os.NewSyscallError("frame", unix.EMSGSIZE)
	}
	return nil
}

// push sends n placed frames and returns how many the kernel took, and why not the others, which are taken back. EBUSY
// says that the device dropped the one behind them.
func (e *xdpEngine) push(n int) (sent int, errno syscall.Errno, err error) {
	start := e.next
	end := start + uint32(n)
	if int32(end-e.end) > 0 {
		e.end = end
		atomic.StoreUint32(e.tx.producer, end)
	}
	for {
		before := e.next
		if err := e.conn.Write(e.step); err != nil {
			return 0, 0, err
		}
		errno = e.errno
		if at := atomic.LoadUint32(e.tx.consumer); int32(at-before) > 0 {
			e.next = at
		} else if errno == unix.EBUSY {
			e.next++ // taken, though the kernel does not tell: nothing has left
		}
		if errno == unix.EBUSY {
			sent = int(e.next-start) - 1
			break
		}
		if int32(e.next-end) >= 0 {
			return n, 0, nil
		}
		// A kernel before 6.17 sends 32 and says EAGAIN.
		if e.next != before && errno == unix.EAGAIN {
			e.reap()
			continue
		}
		if errno == 0 {
			errno = unix.EAGAIN
		}
		sent = int(e.next - start)
		break
	}
	e.takeBack(start, end)
	return sent, errno, nil
}

// takeBack empties the ring of the frames that the kernel has not taken, of those that were placed from start to end.
// It knows already that descriptors are there, so they stay, as some that it skips until others are put in their place.
func (e *xdpEngine) takeBack(start, end uint32) {
	for at := end; at != e.next; {
		at--
		e.desc[at%xdpRings] = unix.XDPDesc{Addr: uint64(len(e.umem))}
		e.free = append(e.free, e.inUse[at-start])
	}
}

// kick makes the kernel send what is in the ring.
func (e *xdpEngine) kick(fd uintptr) bool {
	_, _, e.errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return true
}

func (e *xdpEngine) Batch() int { return xdpBatch }

// Close gives back the socket and the memory. No Send may be running.
func (e *xdpEngine) Close() error {
	err := e.conn.Close()
	for _, m := range [][]byte{e.tx.memory, e.done.memory, e.umem} {
		if m != nil {
			unix.Munmap(m)
		}
	}
	e.tx.memory, e.done.memory, e.umem = nil, nil, nil
	return err
}
