package follow

import (
	"bytes"
	"net/netip"
	"time"

	"sockwire/capture/trace"
)

// firstDropped is the number of the first packet that no capture showed: numbers of captured ones are below.
const firstDropped = 1 << 30

// dropping joins what the kernel says of drops with the packets that were captured.
type dropping struct {
	reasons []*trace.Reason // of segments, until these have been read
	waiting []*trace.Packet // drops, until all packets before them have been read
	recent  []*trace.Packet // captured, of which the drop may be told yet
	by      map[dropKey][]*trace.Packet
}

// dropKey is what a packet and its drop have in common wherever it is on its way through the host.
type dropKey struct {
	src, dst netip.AddrPort
	protocol uint8
	id       uint32
	fragment int
	length   int
	seq      uint32
	flags    uint16
}

func keyOf(p *trace.Packet) dropKey {
	k := dropKey{src: p.Src, dst: p.Dst, protocol: p.Protocol, id: p.IPID, fragment: p.Fragment.Offset, length: p.PayloadLength}
	if p.TCP != nil {
		k.seq, k.flags = p.TCP.Seq, uint16(p.TCP.Flags)
	}
	return k
}

// recentLimit is how many captured packets are looked at for the drop of one of them.
const recentLimit = 1 << 13

// add remembers a packet that was captured.
func (d *dropping) add(p *trace.Packet) {
	if d.by == nil || len(p.Network) == 0 {
		return
	}
	if len(d.recent) >= recentLimit {
		for _, old := range d.recent[:recentLimit/2] {
			k := keyOf(old)
			if d.by[k] = d.by[k][1:]; len(d.by[k]) == 0 {
				delete(d.by, k)
			}
		}
		d.recent = append(d.recent[:0], d.recent[recentLimit/2:]...)
	}
	k := keyOf(p)
	d.recent, d.by[k] = append(d.recent, p), append(d.by[k], p)
}

// find returns the last packet before a drop that is the one which was dropped, or nil. Clocks may differ by slack.
func (d *dropping) find(p *trace.Packet, slack time.Duration) *trace.Packet {
	var found *trace.Packet
	for _, q := range d.by[keyOf(p)] {
		n := min(len(p.Payload), len(q.Payload))
		if q.Time <= p.Time+slack && bytes.Equal(p.Payload[:n], q.Payload[:n]) {
			found = q
		}
	}
	return found
}
