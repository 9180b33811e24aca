package netlab

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// port is a packet socket on one interface that receives from a ring shared with the kernel (TPACKET_V2, see
// packet(7) and the kernel's packet_mmap): a user who may not have a large receive buffer may have a large ring.
type port struct {
	fd        int
	ring      []byte
	slotSize  int
	slots     int
	at        int
	oneTagged []byte // a frame with its VLAN tag put back
}

const ringBytes = 4 << 20 // about 2000 frames of an MTU of 1500

func openPort(h *Host, ifname string, mtu int) (p *port, err error) {
	link, err := h.nl.LinkByName(ifname)
	if err != nil {
		return nil, err
	}
	p = &port{fd: -1}
	defer func() {
		if err != nil {
			p.close()
			p = nil
		}
	}()
	err = h.Do(func() error {
		p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return p, err
	}
	// A slot holds the header, an Ethernet header at an aligned place, and the packet.
	page := os.Getpagesize()
	p.slotSize = 256
	for p.slotSize < unix.SizeofTpacket2Hdr+unix.SizeofSockaddrLinklayer+64+mtu {
		p.slotSize *= 2
	}
	block := max(p.slotSize, page)
	req := unix.TpacketReq{Block_size: uint32(block), Block_nr: uint32(ringBytes / block), Frame_size: uint32(p.slotSize)}
	p.slots = ringBytes / block * (block / p.slotSize)
	req.Frame_nr = uint32(p.slots)
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return p, os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	if err := unix.SetsockoptTpacketReq(p.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return p, os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	if p.ring, err = unix.Mmap(p.fd, 0, ringBytes/block*block, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return p, os.NewSyscallError("mmap", err)
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return p, os.NewSyscallError("setsockopt PACKET_IGNORE_OUTGOING", err)
	}
	bind := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: link.Attrs().Index}
	return p, os.NewSyscallError("bind", unix.Bind(p.fd, bind))
}

func networkOrder(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return *(*uint16)(unsafe.Pointer(&b))
}

func (p *port) close() {
	if p.ring != nil {
		unix.Munmap(p.ring)
	}
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
}

func (p *port) header() *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&p.ring[p.at*p.slotSize]))
}

// next returns the frame that came next and when; it is valid until giveBack. ok is false when there is none.
func (p *port) next() (frame []byte, arrived time.Time, ok bool) {
	h := p.header()
	status := atomic.LoadUint32(&h.Status)
	if status&unix.TP_STATUS_USER == 0 {
		return nil, time.Time{}, false
	}
	slot := p.ring[p.at*p.slotSize : (p.at+1)*p.slotSize]
	end := min(int(h.Mac)+int(h.Snaplen), len(slot))
	frame = slot[min(int(h.Mac), end):end]
	if status&unix.TP_STATUS_VLAN_VALID != 0 && len(frame) >= ethernetHeader {
		tag := []byte{byte(h.Vlan_tpid >> 8), byte(h.Vlan_tpid), byte(h.Vlan_tci >> 8), byte(h.Vlan_tci)}
		p.oneTagged = append(append(append(p.oneTagged[:0], frame[:12]...), tag...), frame[12:]...)
		frame = p.oneTagged
	}
	return frame, time.Unix(int64(h.Sec), int64(h.Nsec)), true
}

// giveBack returns the slot of the frame to the kernel.
func (p *port) giveBack() {
	atomic.StoreUint32(&p.header().Status, unix.TP_STATUS_KERNEL)
	p.at = (p.at + 1) % p.slots
}

func (p *port) send(frame []byte) error {
	n, err := unix.Write(p.fd, frame)
	if err == nil && n != len(frame) {
		return fmt.Errorf("%d of %d bytes sent", n, len(frame))
	}
	return err
}

// drops returns how many frames the ring had no room for since the call before.
func (p *port) drops() uint64 {
	stats, err := unix.GetsockoptTpacketStats(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return uint64(stats.Drops)
}
