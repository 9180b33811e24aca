package perf

import (
	"net/netip"
	"time"
)

// peers limits how many answers each address gets outside of sessions. Its size is bounded: where many addresses ask, those
// that asked long ago are forgotten, and while all are busy nobody new is answered.
type peers struct {
	rate   float64 // answers per second, and how many may be saved up
	known  map[netip.Addr]*allowance
	sweeps time.Time
}

type allowance struct {
	left float64
	at   time.Time
}

const maxPeers = 4096

func newPeers(rate float64) *peers { return &peers{rate: rate, known: map[netip.Addr]*allowance{}} }

// allow takes one answer from an address's allowance; false if there is none left. It allocates for new addresses only.
func (p *peers) allow(a netip.Addr, now time.Time) bool {
	w := p.known[a]
	if w == nil {
		if len(p.known) >= maxPeers {
			p.sweep(now)
		}
		if len(p.known) >= maxPeers {
			return false
		}
		w = &allowance{left: p.rate, at: now}
		p.known[a] = w
	}
	w.left = min(w.left+now.Sub(w.at).Seconds()*p.rate, p.rate)
	w.at = now
	if w.left < 1 {
		return false
	}
	w.left--
	return true
}

// sweep forgets who has not asked for a second, at most once a second.
func (p *peers) sweep(now time.Time) {
	if now.Sub(p.sweeps) < time.Second {
		return
	}
	p.sweeps = now
	for a, w := range p.known {
		if now.Sub(w.at) > time.Second {
			delete(p.known, a)
		}
	}
}
