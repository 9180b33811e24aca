package perf

import (
	"encoding/binary"
	"net/netip"
	"time"

	"sockwire/dgram"
)

const (
	maxIperfFlows = 256
	maxIperfSite  = 64      // flows of one site
	maxIperfFirst = 1 << 16 // a flow starts below this, or bytes at random would start one now and then
	// maxIperfReports is how often a report is sent: a client asks ten times. Two servers cannot answer each other with
	// more.
	maxIperfReports = 16
)

// The datagram starts with an identifier, which is negative in the last ones, and a time in seconds and microseconds.
const iperfHeader = 12

// iperfReport is how much of the answer to the last datagram is the server's report.
const iperfReport = 128

type iperfFlow struct {
	first, last      time.Time
	received, bytes  uint64
	highest          int64
	errors, outorder uint64
	jitter           float64
	transit          float64
	final            []byte // the report, once made; sent again for each last datagram
	reports          int    // how often it was sent
}

// newIperfFlow starts at a first datagram. Identifiers begin with 1, with 0 in older versions.
func newIperfFlow(at time.Time, id int64) *iperfFlow {
	return &iperfFlow{first: at, highest: min(id, 1) - 1}
}

func isIperf(b []byte, now time.Time) bool {
	if len(b) < iperfHeader {
		return false
	}
	return near(int64(binary.BigEndian.Uint32(b[4:])), now.Unix()) && binary.BigEndian.Uint32(b[8:]) < 1e6
}

// iperfAnswer accounts for a datagram of an iperf2 client, and returns the report if it was the last.
func (f *foreign) iperfAnswer(out []byte, d *dgram.Datagram, now time.Time) []byte {
	be := binary.BigEndian
	b := d.Payload
	id := int64(int32(be.Uint32(b)))
	flow := f.iperf[d.From]
	if flow == nil {
		if id < 0 || id > maxIperfFirst || !f.iperfRoom(d.From.IP.Addr(), now) {
			return out
		}
		flow = newIperfFlow(d.Time, id)
		f.iperf[d.From] = flow
	}
	if id < 0 {
		if flow.final == nil {
			flow.finish(-id)
		}
		flow.last = now
		if flow.reports++; len(b) < iperfHeader+iperfReport || flow.reports > maxIperfReports {
			return out
		}
		// The last datagram's header comes back, then the report.
		out = append(out, b[:iperfHeader+4]...)
		return append(out, flow.final...)
	}
	if flow.final != nil { // the same port is used again
		*flow = *newIperfFlow(d.Time, id)
	}
	flow.last = now
	flow.received++
	flow.bytes += uint64(len(b))
	switch {
	case id > flow.highest+1:
		flow.errors += uint64(id - flow.highest - 1)
		flow.highest = id
	case id <= flow.highest:
		flow.outorder++
		if flow.errors > 0 {
			flow.errors--
		}
	default:
		flow.highest = id
	}
	transit := d.Time.Sub(time.Unix(int64(be.Uint32(b[4:])), int64(be.Uint32(b[8:]))*1000)).Seconds()
	if flow.received > 1 {
		diff := transit - flow.transit
		flow.jitter += (max(diff, -diff) - flow.jitter) / 16
	}
	flow.transit = transit
	return out
}

// iperfRoom makes room for a flow of a site, and tells whether there is any. The protocol has no proof of address, so
// flows of few datagrams, which anybody can forge, make room for others; of the rest, those that have fallen silent.
func (f *foreign) iperfRoom(from netip.Addr, now time.Time) bool {
	own := site(from)
	for _, limit := range []struct {
		n   int
		all bool
	}{{maxIperfSite, false}, {maxIperfFlows, true}} {
		count := 0
		var oldest dgram.Addr
		var worst *iperfFlow
		for a, flow := range f.iperf {
			if !limit.all && site(a.IP.Addr()) != own {
				continue
			}
			count++
			if worst == nil || flow.before(worst) {
				oldest, worst = a, flow
			}
		}
		if count < limit.n {
			continue
		}
		if worst.proven() && now.Sub(worst.last) < 10*time.Second {
			return false
		}
		delete(f.iperf, oldest)
	}
	return true
}

// before tells whether a flow makes room before another does.
func (w *iperfFlow) before(o *iperfFlow) bool {
	if w.proven() != o.proven() {
		return o.proven()
	}
	return w.last.Before(o.last)
}

// proven tells whether a flow has more than a few datagrams.
func (w *iperfFlow) proven() bool { return w.received > 3 }

// finish makes the report: flags, then total bytes, end time, error count, out of order count, datagrams, jitter.
func (w *iperfFlow) finish(total int64) {
	be := binary.BigEndian
	lost := w.errors
	if missing := total - 1 - w.highest; missing > 0 && total < 1<<31 {
		lost += uint64(missing)
	}
	elapsed := w.last.Sub(w.first)
	b := make([]byte, 0, iperfReport)
	b = be.AppendUint32(b, 0x80000000) // version 1
	b = be.AppendUint32(b, uint32(w.bytes>>32))
	b = be.AppendUint32(b, uint32(w.bytes))
	b = be.AppendUint32(b, uint32(elapsed/time.Second))
	b = be.AppendUint32(b, uint32(elapsed%time.Second/time.Microsecond))
	b = be.AppendUint32(b, uint32(lost))
	b = be.AppendUint32(b, uint32(w.outorder))
	b = be.AppendUint32(b, uint32(total)) // as iperf2 counts: its last datagram is one of them
	b = be.AppendUint32(b, uint32(w.jitter))
	b = be.AppendUint32(b, uint32((w.jitter-float64(uint32(w.jitter)))*1e6))
	w.final = b
}
