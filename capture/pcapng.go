package capture

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"net/netip"
	"strings"
	"time"
)

// BlockType is a pcapng block type, see draft-ietf-opsawg-pcapng.
type BlockType uint32

// The standard block types.
const (
	BlockInterface      BlockType = 1 // Interface Description Block
	BlockPacket         BlockType = 2 // Packet Block, obsolete
	BlockSimplePacket   BlockType = 3
	BlockNameResolution BlockType = 4
	BlockStatistics     BlockType = 5 // Interface Statistics Block
	BlockEnhancedPacket BlockType = 6
	BlockJournal        BlockType = 9 // systemd journal export
	BlockSecrets        BlockType = 10
	BlockCustom         BlockType = 0x00000bad
	BlockCustomNoCopy   BlockType = 0x40000bad
	BlockSection        BlockType = 0x0a0d0d0a
)

// Option codes. Those from 2 on mean something within their block only.
const (
	OptionEnd     = 0
	OptionComment = 1

	OptionHardware    = 2 // of a section: shb_hardware, shb_os, shb_userappl
	OptionOS          = 3
	OptionApplication = 4

	OptionName        = 2 // of an interface: if_name and so on
	OptionDescription = 3
	OptionResolution  = 9
	OptionFilter      = 11
	OptionTimeOffset  = 14

	OptionFlags     = 2 // of an enhanced packet: epb_flags, epb_dropcount, epb_processid_threadid
	OptionDropCount = 4
	OptionProcess   = 8

	OptionStartTime   = 2 // of interface statistics: isb_starttime and so on
	OptionEndTime     = 3
	OptionReceived    = 4
	OptionDropped     = 5
	OptionAccepted    = 6
	OptionSystemDrops = 7
	OptionDelivered   = 8
)

// Bits of epb_flags, draft-ietf-opsawg-pcapng section 4.3.1.
const (
	flagDirection       = 3
	flagInbound         = 1
	flagOutbound        = 2
	flagChecksumPending = 1 << 9
	flagChecksumValid   = 1 << 10
	flagSegmented       = 1 << 11
)

const byteOrderMagic = 0x1a2b3c4d

// Section describes where a capture file, or a section of it, comes from. All of it is outside text when
// it was read from a file.
type Section struct {
	Hardware, OS, Application string
	Comments                  []string
}

// Statistics is what an Interface Statistics Block says. A count that is not known is -1.
type Statistics struct {
	Interface  int       // among the source's Interfaces
	Time       time.Time // when the counts were taken
	Start, End time.Time // of the capture, zero where not known
	Received   int64     // frames from the device since the capture began
	Dropped    int64     // frames the device or its driver lost
	Accepted   int64     // frames that passed the filter
	SystemDrop int64     // frames the system lost
	Delivered  int64     // frames given to the capturing program
}

// NameRecord is an entry of a Name Resolution Block. The names are outside text.
type NameRecord struct {
	Addr  netip.Addr
	Names []string
}

// SecretsType says what a Decryption Secrets Block holds.
type SecretsType uint32

// SecretsTLS is the type of a key log of TLS, as programs write it where SSLKEYLOGFILE says.
const SecretsTLS SecretsType = 0x544c534b

// Secrets is what a Decryption Secrets Block holds, draft-ietf-opsawg-pcapng section 4.7.
type Secrets struct {
	Type SecretsType
	Data []byte
}

// options yields code and value of each option in b, and stops at the first that does not fit.
func options(b []byte, order binary.ByteOrder) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, n := order.Uint16(b), int(order.Uint16(b[2:]))
			if code == OptionEnd || 4+n > len(b) {
				return
			}
			if !yield(code, b[4:4+n:4+n]) {
				return
			}
			b = b[min(4+pad4(n), len(b)):]
		}
	}
}

func pad4(n int) int { return (n + 3) &^ 3 }

// text returns an option's string: the length ends it, and some writers add a zero byte.
func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// clock turns the time stamps of a pcapng interface into times.
type clock struct {
	base2  bool
	power  uint8 // a unit is 10^-power or 2^-power seconds
	offset int64 // seconds to add
}

var pow10 = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// clockOf reads if_tsresol.
func clockOf(v uint8) clock { return clock{base2: v&0x80 != 0, power: v & 0x7f} }

func (c clock) time(ts uint64) time.Time {
	sec, nsec := c.split(ts)
	if sec > math.MaxInt64/4 {
		sec = math.MaxInt64 / 4 // beyond what time.Time can print, and no sum overflows
	}
	return time.Unix(int64(sec)+max(min(c.offset, math.MaxInt64/4), math.MinInt64/4), int64(nsec))
}

func (c clock) split(ts uint64) (sec, nsec uint64) {
	p := int(c.power)
	switch {
	case c.base2 && p < 64:
		hi, lo := bits.Mul64(ts&(1<<p-1), 1e9)
		return ts >> p, hi<<(64-p) | lo>>p
	case c.base2:
		hi, _ := bits.Mul64(ts, 1e9)
		return 0, hi >> (p - 64)
	case p <= 9:
		return ts / pow10[p], ts % pow10[p] * pow10[9-p]
	case p < len(pow10):
		return ts / pow10[p], ts % pow10[p] / pow10[p-9]
	case p-9 < len(pow10):
		return 0, ts / pow10[p-9]
	}
	return 0, 0
}

// lastSecond is the end of the year 9999, beyond which nobody writes times.
const lastSecond = 253402300799

// resolution returns the length of a unit, at least a nanosecond.
func (c clock) resolution() time.Duration {
	_, nsec := c.split(1)
	if c.power == 0 {
		return time.Second
	}
	return time.Duration(max(nsec, 1))
}

// byteOrder is what both orders of encoding/binary are.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}
