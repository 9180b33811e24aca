package follow

import (
	"time"

	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// reasonSlack is how long before or after the kernel said why it sends a segment that segment was captured.
const reasonSlack = 20 * time.Millisecond

// said puts the kernel's reasons up to a time where they belong: all packets before it have been read. Clocks may
// differ by slack.
func (d *dropping) said(until, slack time.Duration) {
	var later []*trace.Reason
	for _, r := range d.reasons {
		if r.Time+reasonSlack > until {
			later = append(later, r)
		} else {
			d.tell(r, slack)
		}
	}
	d.reasons = later
}

// tell finds the packets that a reason is of: the reset next to it in time, the last that have the bytes that were sent
// again.
func (d *dropping) tell(r *trace.Reason, slack time.Duration) {
	var best *trace.Packet
	told := map[uint32]bool{} // earlier packets with the same number were sent before
	for i := len(d.recent) - 1; i >= 0; i-- {
		p := d.recent[i]
		if p.Time < r.Time-reasonSlack {
			break
		}
		if p.TCP == nil || p.Src != r.Src || p.Dst != r.Dst {
			continue
		}
		reset := p.TCP.Flags&wire.RST != 0
		switch {
		case reset != r.Reset:
		case r.Reset:
			if p.Said == nil && p.Time <= r.Time+reasonSlack && (best == nil || (p.Time-r.Time).Abs() < (best.Time-r.Time).Abs()) {
				best = p
			}
		case p.Time <= r.Time+slack && p.TCP.Seq-r.Seq < max(r.End-r.Seq, 1) && !told[p.TCP.Seq]:
			told[p.TCP.Seq] = true
			said := r.Said
			p.Said = &said
		}
	}
	if best != nil {
		said := r.Said
		best.Said = &said
	}
}
