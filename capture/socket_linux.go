package capture

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func bigEndian16(v uint16) uint16 {
	b := [2]byte{byte(v >> 8), byte(v)}
	return *(*uint16)(unsafe.Pointer(&b))
}

// protocolBytes returns the protocol of a link-layer address as it is on the wire, big-endian.
func protocolBytes(a *unix.RawSockaddrLinklayer) []byte {
	return (*[2]byte)(unsafe.Pointer(&a.Protocol))[:]
}

// deviceOf returns the index and the ARPHRD_ type of an interface in the thread's network namespace.
func deviceOf(name string) (index int, hatype uint16, err error) {
	if name == Any {
		return 0, 0, nil
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil || name == "" {
		return 0, 0, ErrNoDevice // longer than a name can be
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
		if err == unix.ENODEV {
			return 0, 0, ErrNoDevice
		}
		return 0, 0, fmt.Errorf("interface index: %w", err)
	}
	index = int(ifr.Uint32())
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, ifr); err != nil {
		return 0, 0, fmt.Errorf("hardware type: %w", err)
	}
	return index, ifr.Uint16(), nil
}

// linkOfHardware maps ARPHRD_ types whose frames can be taken as they are; others are captured cooked.
func linkOfHardware(hatype uint16) (LinkType, bool) {
	switch hatype {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return LinkEthernet, true
	case unix.ARPHRD_IEEE80211:
		return LinkIEEE80211, true
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return LinkIEEE80211Radio, true
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT:
		return LinkRaw, true
	}
	return 0, false
}

// socketError returns the socket's pending error in words that say what to do.
func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return err
	case unix.Errno(n) == unix.ENETDOWN:
		return fmt.Errorf("the interface is down: %w", unix.ENETDOWN)
	case n != 0:
		return unix.Errno(n)
	}
	return nil
}

func enableDeviceTime(fd int, name string) error {
	unsupported := func(err error) error {
		return fmt.Errorf("%s gives no time stamps of its own (%w): %w", name, err, errors.ErrUnsupported)
	}
	if name == Any {
		return unsupported(errors.New("ask for one interface"))
	}
	err := unix.IoctlSetHwTstamp(fd, name, &unix.HwTstampConfig{Tx_type: unix.HWTSTAMP_TX_OFF,
		Rx_filter: unix.HWTSTAMP_FILTER_ALL})
	switch {
	case err == unix.EOPNOTSUPP || err == unix.EINVAL || err == unix.ENOTTY || err == unix.ERANGE:
		return unsupported(err)
	case err != nil:
		return fmt.Errorf("device time stamps: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_TIMESTAMP,
		unix.SOF_TIMESTAMPING_RAW_HARDWARE); err != nil {
		return fmt.Errorf("device time stamps: %w", err)
	}
	return nil
}

// Ancillary loads of the kernel's classic BPF, see linux/filter.h.
const (
	adOffset   = 0xfffff000 // SKF_AD_OFF
	adProtocol = adOffset + 0
	adPktType  = adOffset + 4
	adIfindex  = adOffset + 8
	adHatype   = adOffset + 28
)

// program returns the whole filter for the kernel: what direction and loopback ask for, then the
// configured filter with its verdicts cut to the snaplen. A filter on cooked frames that the kernel cannot
// run is returned for the reader to run.
func (l *live) program() ([]bpf.RawInstruction, *bpf.VM, error) {
	prog := directionFilter(l.config.Direction)
	snaplen := uint32(l.config.Snaplen)
	if len(l.config.Filter) == 0 {
		return append(prog, bpf.RawInstruction{Op: unix.BPF_RET | unix.BPF_K, K: snaplen}), nil, nil
	}
	filter := l.config.Filter
	if l.cooked {
		moved, ok := uncook(filter)
		if !ok {
			vm, err := userFilter(filter)
			return append(prog, bpf.RawInstruction{Op: unix.BPF_RET | unix.BPF_K, K: snaplen}), vm, err
		}
		filter = moved
	}
	for _, in := range filter {
		if in.Op == unix.BPF_RET|unix.BPF_K {
			in.K = min(in.K, snaplen)
		}
		prog = append(prog, in)
	}
	return prog, nil, nil
}

// directionFilter keeps frames of the direction d, and one copy of each loopback frame. It leaves A as
// the kernel sets it before a program.
func directionFilter(d Direction) []bpf.RawInstruction {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	clear := bpf.RawInstruction{Op: unix.BPF_LD | unix.BPF_IMM}
	drop := bpf.RawInstruction{Op: ret}
	kind := bpf.RawInstruction{Op: load, K: adPktType}
	switch d {
	case DirectionIn:
		return []bpf.RawInstruction{kind, {Op: jeq, K: unix.PACKET_OUTGOING, Jt: 0, Jf: 1}, drop, clear}
	case DirectionOut:
		return []bpf.RawInstruction{kind, {Op: jeq, K: unix.PACKET_OUTGOING, Jt: 1, Jf: 0}, drop, clear}
	}
	return []bpf.RawInstruction{
		kind, {Op: jeq, K: unix.PACKET_OUTGOING, Jt: 0, Jf: 3},
		{Op: load, K: adIfindex}, {Op: jeq, K: loopbackIndex, Jt: 0, Jf: 1}, drop, clear,
	}
}

// uncook turns a filter on LINKTYPE_LINUX_SLL2 frames into one on what the kernel has at that point, which
// starts at the network header. It reports false for loads that have no counterpart there.
func uncook(filter []bpf.RawInstruction) ([]bpf.RawInstruction, bool) {
	out := make([]bpf.RawInstruction, len(filter))
	for i, in := range filter {
		switch in.Op & 0x07 {
		case unix.BPF_LD, unix.BPF_LDX:
			switch in.Op & 0xe0 {
			case unix.BPF_LEN:
				return nil, false
			case unix.BPF_ABS:
				k, ok := uncookOffset(in)
				if !ok {
					return nil, false
				}
				if k >= adOffset && in.K < sll2Len {
					in.Op = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
				}
				in.K = k
			case unix.BPF_IND, unix.BPF_MSH:
				if in.K < sll2Len || in.K >= adOffset {
					return nil, false
				}
				in.K -= sll2Len
			}
		}
		out[i] = in
	}
	return out, true
}

func uncookOffset(in bpf.RawInstruction) (uint32, bool) {
	size := in.Op & 0x18
	switch {
	case in.K >= adOffset:
		return in.K, true
	case in.K >= sll2Len:
		return in.K - sll2Len, true
	case in.K == 0 && size == unix.BPF_H:
		return adProtocol, true
	case in.K == 4 && size == unix.BPF_W:
		return adIfindex, true
	case in.K == 8 && size == unix.BPF_H:
		return adHatype, true
	case in.K == 10 && size == unix.BPF_B:
		return adPktType, true
	}
	return 0, false
}

func userFilter(filter []bpf.RawInstruction) (*bpf.VM, error) {
	instructions, _ := bpf.Disassemble(filter)
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return vm, nil
}
