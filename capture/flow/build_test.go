package flow

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// packetOf is a segment of a test. Sequence and acknowledgement numbers count from the SYN's, which are 0.
type packetOf struct {
	at       time.Duration
	back     bool // from the server
	flags    wire.TCPFlags
	seq, ack int
	data     string
	length   int // of data, where what it is does not matter
	win      int // 0 means 1000; -1 means 0
	ts, ecr  int // 0: no option
	id       int // of IPv6, the flow label
	sack     []int
	scale    int // of a SYN, plus 1
	noSACK   bool
	port     int
	v6       bool
	vlan     int
	cut      int // bytes of the frame's end that were not captured
	bad      bool
	iface    int
	dir      capture.Direction
	drops    uint64
	ttl      int
	ce       bool
}

var (
	clientISN = uint32(0xfffffc00) // wraps after 1,024 bytes
	serverISN = uint32(5000)
)

// frame makes the frame.
func (p packetOf) frame() capture.Frame {
	body := []byte(p.data)
	for i := len(body); i < p.length; i++ {
		body = append(body, byte(p.seq+i)*7)
	}
	mine, other := clientISN, serverISN
	if p.back {
		mine, other = other, mine
	}
	var opts []byte
	if p.flags&wire.SYN != 0 {
		opts = append(opts, 2, 4, 1000>>8, 1000&255)
		if !p.noSACK {
			opts = append(opts, 4, 2, 1, 1)
		}
		if p.scale > 0 {
			opts = append(opts, 3, 3, byte(p.scale-1), 1)
		}
	}
	if p.ts != 0 {
		opts = append(opts, 1, 1, 8, 10)
		opts = binary.BigEndian.AppendUint32(opts, uint32(p.ts))
		opts = binary.BigEndian.AppendUint32(opts, uint32(p.ecr))
	}
	if len(p.sack) > 0 {
		opts = append(opts, 1, 1, 5, byte(2+4*len(p.sack)))
		for _, n := range p.sack {
			opts = binary.BigEndian.AppendUint32(opts, other+uint32(n))
		}
	}
	tcp := make([]byte, 20, 20+len(opts)+len(body))
	tcp = append(append(tcp, opts...), body...)
	h := wire.TCP(tcp)
	client := 40000 + p.port
	h.SetSourcePort(uint16(client))
	h.SetDestinationPort(80)
	if p.back {
		h.SetSourcePort(80)
		h.SetDestinationPort(uint16(client))
	}
	h.SetSequence(mine + uint32(p.seq))
	if p.flags&wire.ACK != 0 {
		h.SetAcknowledgment(other + uint32(p.ack))
	}
	tcp[12] = byte(20+len(opts)) / 4 << 4
	h.SetFlags(p.flags)
	switch p.win {
	case 0:
		h.SetWindow(1000)
	case -1:
	default:
		h.SetWindow(uint16(p.win))
	}
	a, b := []byte{192, 0, 2, 1}, []byte{198, 51, 100, 1}
	if p.v6 {
		a, b = append([]byte{0x20, 1, 0xd, 0xb8}, make([]byte, 12)...), append([]byte{0x20, 1, 0xd, 0xb8, 1}, make([]byte, 11)...)
	}
	if p.back {
		a, b = b, a
	}
	sum := wire.Sum(0).Add(a).Add(b).Add([]byte{0, 6, byte(len(tcp) >> 8), byte(len(tcp))}).Add(tcp)
	h.SetChecksum(sum.Checksum())
	if p.bad {
		tcp[len(tcp)-1] ^= 0x40
	}
	ttl := byte(64)
	if p.ttl != 0 {
		ttl = byte(p.ttl)
	}
	var ip []byte
	if p.v6 {
		ip = []byte{0x60, 0, byte(p.id >> 8), byte(p.id), byte(len(tcp) >> 8), byte(len(tcp)), 6, ttl}
		ip = append(append(ip, a...), b...)
	} else {
		ip = []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, ttl, 6, 0, 0}
		if p.ce {
			ip[1] = 3
		}
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(tcp)))
		binary.BigEndian.PutUint16(ip[4:], uint16(p.id))
		ip = append(append(ip, a...), b...)
		wire.IPv4(ip).UpdateChecksum()
	}
	b = []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	if p.vlan > 0 {
		b = append(b, 0x81, 0, byte(p.vlan>>8), byte(p.vlan))
	}
	if p.v6 {
		b = append(b, 0x86, 0xdd)
	} else {
		b = append(b, 8, 0)
	}
	b = append(append(b, ip...), tcp...)
	return capture.Frame{
		Data: b[:len(b)-p.cut], Length: len(b), Time: time.Unix(1700000000, 0).Add(p.at), Link: capture.LinkEthernet,
		Interface: p.iface, Direction: p.dir, Drops: p.drops,
	}
}

// frame0 is the frame of p that has bytes data.
func (p packetOf) frame0(data []byte) capture.Frame {
	return capture.Frame{Data: data, Length: len(data), Time: time.Unix(1700000000, 0).Add(p.at), Link: capture.LinkEthernet}
}

func timeOf(n int) time.Duration { return time.Duration(n) }

// trial is a tracker with what it said.
type trial struct {
	*testing.T
	*Tracker
	decoder decode.Decoder
	packet  decode.Packet
	number  uint64
	said    []Verdict
	streams []*Stream
	bytes   [2][]byte // handed out, of the first stream; gaps are dots
	chunks  []Chunk
	want    [2]int64
}

func newTrial(t *testing.T, cfg Config) *trial {
	cfg.Reassemble = true
	return &trial{T: t, Tracker: NewTracker(&cfg)}
}

func (x *trial) add(packets ...packetOf) {
	for _, p := range packets {
		x.decoder.Decode(p.frame(), &x.packet)
		x.number++
		x.packet.Number = x.number
		x.note(x.Add(&x.packet))
	}
}

func (x *trial) note(r Result) {
	x.said = append(x.said, r.Verdicts...)
	if r.Stream != nil && !slices.Contains(x.streams, r.Stream) {
		x.streams = append(x.streams, r.Stream)
	}
	for _, c := range r.Chunks {
		if c.Stream != x.streams[0] {
			continue
		}
		if c.Offset != x.want[c.Direction] {
			x.Errorf("a chunk at %d, want %d", c.Offset, x.want[c.Direction])
		}
		x.want[c.Direction] += int64(len(c.Data)) + c.Gap
		x.bytes[c.Direction] = append(x.bytes[c.Direction], c.Data...)
		x.bytes[c.Direction] = append(x.bytes[c.Direction], strings.Repeat(".", int(c.Gap))...)
		c.Data = slices.Clone(c.Data)
		x.chunks = append(x.chunks, c)
	}
}

// expect compares what was said so far, one a line as "#packet kind cause evidence evidence", and forgets it.
func (x *trial) expect(want string) {
	x.Helper()
	var b strings.Builder
	for _, v := range x.said {
		fmt.Fprintf(&b, "#%d %s", v.Packet, v.Kind)
		if v.Retracted {
			b.WriteString(" retracted")
		}
		if v.Cause != NoCause {
			fmt.Fprintf(&b, " %s", v.Cause)
		}
		first, second := v.Evidence()
		fmt.Fprintf(&b, " %d %d", first, second)
		if v.Places > 0 {
			fmt.Fprintf(&b, " x%d", v.Places)
		}
		if v.Bytes > 0 {
			fmt.Fprintf(&b, " %db", v.Bytes)
		}
		b.WriteString("\n")
	}
	x.said = nil
	clean := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	if got := clean(b.String()); got != clean(want) {
		x.Errorf("said:\n%s\nwant:\n%s", got, clean(want))
	}
}

const ms = time.Millisecond

// handshake opens a connection captured at the client's side of a way of 20 ms.
func handshake(scale int) []packetOf {
	return []packetOf{
		{at: 0, flags: wire.SYN, ts: 100, scale: scale, id: 1},
		{at: 20 * ms, back: true, flags: wire.SYN | wire.ACK, ack: 1, ts: 900, ecr: 100, scale: scale, id: 0},
		{at: 20*ms + 50*time.Microsecond, flags: wire.ACK, seq: 1, ack: 1, ts: 120, ecr: 900, id: 2},
	}
}

// segmentsOf makes n segments of 100 bytes from the client, from byte seq on.
func segmentsOf(at time.Duration, seq, n, ts, id int) (all []packetOf) {
	for i := range n {
		all = append(all, packetOf{at: at + time.Duration(i)*100*time.Microsecond, flags: wire.ACK, seq: seq + 100*i, ack: 1, length: 100, ts: ts, ecr: 900, id: id + i})
	}
	return all
}

// answersOf makes n segments of 80 bytes from the server, from its first byte on.
func answersOf(at time.Duration, n, id int) (all []packetOf) {
	for i := range n {
		all = append(all, packetOf{at: at + time.Duration(i)*ms, back: true, flags: wire.ACK, seq: 1 + 80*i, ack: 1, length: 80, id: id + i})
	}
	return all
}

func ackOf(at time.Duration, ack, ts, ecr int, sack ...int) packetOf {
	return packetOf{at: at, back: true, flags: wire.ACK, seq: 1, ack: ack, ts: ts, ecr: ecr, sack: sack, id: ts}
}
