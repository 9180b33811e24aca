package owner

import (
	"encoding/binary"
	"time"

	"sockwire/raw/wire"
)

// flow is what the packets of a flow have in common: addresses, ports, protocol and network namespace.
type flow struct {
	addresses [32]byte
	ports     [4]byte
	protocol  uint32
	network   uint32
	version   uint32
}

// flowOf is the flow of the packet in b, if it is a whole one of TCP or UDP without options of IP.
func flowOf(b []byte, network uint32) (f flow, ok bool) {
	switch {
	case len(b) >= 24 && b[0] == 0x45 && binary.BigEndian.Uint16(b[6:])&0x3fff == 0:
		f.version, f.protocol = 4, uint32(b[9])
		copy(f.addresses[:], b[12:20])
		copy(f.ports[:], b[20:])
	case len(b) >= 44 && b[0]>>4 == 6:
		f.version, f.protocol = 6, uint32(b[6])
		copy(f.addresses[:], b[8:40])
		copy(f.ports[:], b[40:])
	}
	f.network = network
	return f, f.protocol == wire.ProtoTCP || f.protocol == wire.ProtoUDP
}

// has tells whether the packet in b is one of the flow, for IPv4 and without making its own: most packets are of the
// flow of the one before. Where it says no that may be wrong.
func (f *flow) has(b []byte, network uint32) bool {
	return len(b) >= 24 && b[0] == 0x45 && b[6]&0x3f == 0 && b[7] == 0 && f.version == 4 && f.protocol == uint32(b[9]) && f.network == network &&
		binary.LittleEndian.Uint32(b[20:]) == binary.LittleEndian.Uint32(f.ports[:]) && binary.LittleEndian.Uint64(b[12:]) == binary.LittleEndian.Uint64(f.addresses[:])
}

// answer is the owners of a flow's packets while nothing happens to what they follow from. Where packets of a flow are
// told apart, each is an event of the flow.
type answer struct {
	flow   flow
	until  time.Duration // it is looked for anew then, so that what is in use is not forgotten
	after  time.Duration // it is for packets later than this
	events uint64        // so many there were when it was last known to hold
	owners []Owner
	from   []source
}

// source is a mark that an answer follows from, and how many events it had.
type source struct {
	mark   uint32
	events uint64
}

// mark counts the events of a socket, a process or a flow; several may share one.
type mark struct {
	events uint64
	latest time.Duration
}

const (
	maxAnswers = 256
	maxMarks   = 1 << 12
	answerAge  = time.Second
)

func (f *flow) place() uint32 {
	h := binary.LittleEndian.Uint32(f.ports[:]) + f.network
	for i := 0; i < len(f.addresses); i += 8 {
		h = h*16777619 ^ uint32(binary.LittleEndian.Uint64(f.addresses[i:])*0x9e3779b97f4a7c15>>32)
	}
	return h ^ h>>16
}

func placeOf(number uint64) uint32 { return uint32(number * 0x9e3779b97f4a7c15 >> 40) }
