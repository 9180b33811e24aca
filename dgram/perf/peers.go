package perf

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// peers limits how many answers each site gets outside of sessions, see site. Its size is fixed, and nobody is locked
// out of it: sites are spread over allowances by a hash that only this server knows, and those that fall together share
// one.
type peers struct {
	rate  float64 // answers per second, and how many may be saved up
	seed  maphash.Seed
	known [4096]allowance
}

type allowance struct {
	left float64
	at   time.Time
}

func newPeers(rate float64) *peers { return &peers{rate: rate, seed: maphash.MakeSeed()} }

// allow takes one answer from a site's allowance; false if there is none left. It does not allocate.
func (p *peers) allow(a netip.Addr, now time.Time) bool {
	who := site(a).Addr().As16()
	w := &p.known[maphash.Bytes(p.seed, who[:])%uint64(len(p.known))]
	return w.take(now, p.rate, p.rate)
}

// take takes one of an allowance that grows by rate a second, up to most; false if there is none left.
func (w *allowance) take(now time.Time, rate, most float64) bool {
	if w.at.IsZero() {
		w.left = most
	} else {
		w.left = min(w.left+max(now.Sub(w.at), 0).Seconds()*rate, most)
	}
	w.at = now
	if w.left < 1 {
		return false
	}
	w.left--
	return true
}

// site is who one user of addresses is taken for: an IPv4 address, or the 64 bits of an IPv6 prefix, behind which each
// has as many addresses as he likes.
func site(a netip.Addr) netip.Prefix { return prefix(a, 32, 64) }

// network is the wider surroundings, in which one user may have many sites: 24 bits of IPv4, 48 of IPv6.
func network(a netip.Addr) netip.Prefix { return prefix(a, 24, 48) }

func prefix(a netip.Addr, four, six int) netip.Prefix {
	a = a.Unmap()
	bits := six
	if a.Is4() {
		bits = four
	}
	if a.IsLinkLocalUnicast() && a.Is6() {
		bits = 128 // all hosts of a link have the same prefix
	}
	p, _ := a.WithZone("").Prefix(bits) // in range
	return p
}
