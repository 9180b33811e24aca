package pathlab

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
)

// boxPort is one interface of a box.
type boxPort struct {
	neighbour string
	file      *os.File
	header    [14]byte // of frames to the neighbour, without the type
}

// run sets a box going: a packet socket on each of its interfaces, and a goroutine for each. It ends with the test.
func (box Box) run(t netlab.TB, h *netlab.Host, links []*netlab.Link) error {
	ports := map[string]*boxPort{}
	for _, end := range h.Ends() {
		p := &boxPort{}
		for _, k := range links {
			mine, theirs := k.A, k.B
			if mine.Host != h {
				mine, theirs = theirs, mine
			}
			if mine == end {
				p.neighbour = theirs.Host.Name()
				copy(p.header[:6], theirs.MAC[:])
				copy(p.header[6:], mine.MAC[:])
			}
		}
		var err error
		if p.file, err = packetSocket(h, end.Ifindex); err != nil {
			return fmt.Errorf("pathlab: box %s: %w", h.Name(), err)
		}
		t.Cleanup(func() { p.file.Close() })
		ports[p.neighbour] = p
	}
	var mu sync.Mutex
	for _, p := range ports {
		go func() {
			buf := make([]byte, 1<<16)
			for {
				size, err := p.file.Read(buf)
				if err != nil {
					return // closed
				}
				etherType := binary.BigEndian.Uint16(buf[12:])
				if size < 14 || etherType != unix.ETH_P_IP && etherType != unix.ETH_P_IPV6 {
					continue
				}
				mu.Lock()
				out, packet := box(p.neighbour, buf[14:size])
				if to := ports[out]; to != nil && packet != nil {
					to.file.Write(append(append(to.header[:12:12], buf[12:14]...), packet...))
				}
				mu.Unlock()
			}
		}()
	}
	return nil
}

// packetSocket receives the frames that come to an interface of a host, and sends on it.
func packetSocket(h *netlab.Host, ifindex int) (f *os.File, err error) {
	err = h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), "box")
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return err
		}
		var all [2]byte
		binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(all[:]), Ifindex: ifindex})
	})
	return f, err
}
