package abi

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// Memory is the memory of the calling process.
type Memory interface {
	// ReadMemory reads up to len(b) bytes at an address and returns how many it got.
	ReadMemory(b []byte, address uint64) int
}

// Limits of what is read of one call, whatever the program says its lengths are.
const (
	maxVectors  = 1024 // UIO_MAXIOV
	maxMessages = 1024
	maxControl  = 4096
	maxAddress  = 128 // struct sockaddr_storage
)

var order = binary.NativeEndian

func (d *Decoder) bytes(address uint64, n int) []byte {
	if address == 0 || n <= 0 {
		return nil
	}
	b := make([]byte, n)
	return b[:d.Memory.ReadMemory(b, address)]
}

// whole returns n bytes, or nil when not all can be read.
func (d *Decoder) whole(address uint64, n int) []byte {
	b := d.bytes(address, n)
	if len(b) < n {
		return nil
	}
	return b
}

func (d *Decoder) uint32(address uint64) (uint32, bool) {
	b := d.whole(address, 4)
	if b == nil {
		return 0, false
	}
	return order.Uint32(b), true
}

// address reads a struct sockaddr.
func (d *Decoder) address(at uint64, length int) trace.Addr {
	return Sockaddr(d.bytes(at, min(length, maxAddress)))
}

// Sockaddr reads a struct sockaddr; what is neither IP nor Unix, and a Unix socket without a name, gives the
// zero Addr.
func Sockaddr(b []byte) trace.Addr {
	if len(b) < 2 {
		return trace.Addr{}
	}
	switch order.Uint16(b) {
	case unix.AF_INET:
		if len(b) >= 8 {
			return trace.Addr{IP: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))}
		}
	case unix.AF_INET6:
		if len(b) >= 24 {
			return trace.Addr{IP: netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:]))}
		}
	case unix.AF_UNIX:
		name := b[2:]
		if len(name) > 0 && name[0] == 0 {
			if len(name) == 1 {
				return trace.Addr{}
			}
			return trace.Addr{Unix: "@" + string(name[1:])}
		}
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		return trace.Addr{Unix: string(name)}
	}
	return trace.Addr{}
}

type vector struct {
	base   uint64
	length int
}

func (d *Decoder) vectors(at uint64, n int) []vector {
	n = max(0, min(n, maxVectors))
	b := d.bytes(at, n*16)
	all := make([]vector, 0, n)
	for ; len(b) >= 16; b = b[16:] {
		all = append(all, vector{order.Uint64(b), sane(order.Uint64(b[8:]))})
	}
	return all
}

// sane bounds a length that a program passed: the kernel moves less than 2 GiB in one call.
func sane(n uint64) int { return int(min(n, 1<<31-1)) }

// total is how many bytes the vectors have room for.
func total(v []vector) int {
	n := 0
	for _, x := range v {
		n = min(n+x.length, 1<<31-1)
	}
	return n
}

// gather reads the first bytes of the vectors, limit at most.
func (d *Decoder) gather(v []vector, limit int) []byte {
	var out []byte
	for _, x := range v {
		if len(out) >= limit {
			break
		}
		want := min(x.length, limit-len(out))
		got := d.bytes(x.base, want)
		out = append(out, got...)
		if len(got) < want {
			break
		}
	}
	return out
}

// header is a struct msghdr.
type header struct {
	name, control uint64
	nameLen       int
	controlLen    int
	vectors       []vector
	flags         uint32
}

const (
	headerSize  = 56 // struct msghdr
	messageSize = 64 // struct mmsghdr
)

func (d *Decoder) parseHeader(b []byte) header {
	return header{
		name: order.Uint64(b), nameLen: int(order.Uint32(b[8:])), vectors: d.vectors(order.Uint64(b[16:]), sane(order.Uint64(b[24:]))),
		control: order.Uint64(b[32:]), controlLen: sane(order.Uint64(b[40:])), flags: order.Uint32(b[48:]),
	}
}

func (d *Decoder) header(at uint64) (header, bool) {
	b := d.whole(at, headerSize)
	if b == nil {
		return header{}, false
	}
	return d.parseHeader(b), true
}
