package perf

import (
	"net/netip"
	"time"

	"sockwire/dgram"
	"sockwire/raw/wire"
)

// The hops of the way back: a client asks for datagrams whose time to live ends on the way to it, one for each of its
// own and no larger, and then what routers said of them. The client's address was proven by the handshake, and numbers
// and rate are bounded, so nobody gets more than he has sent, and no router has to answer more than a few hundred a
// second.

// hopsBack are the datagrams that were sent for the hops of a session's way back.
type hopsBack struct {
	ring  [hopsKept]sentHop
	next  uint64 // one past the highest number
	spare allowance
	short uint64 // errors that quote too little to tell what they are about
	ready []byte
}

// sentHop is one of them, and what became of it.
type sentHop struct {
	n       uint64 // one more than its number, 0 is none
	sent    time.Time
	ttl     uint8
	typ     uint8 // of the ICMP message
	code    uint8
	back    uint8 // TTL that the message arrived with
	refused bool  // this host did not send it
	from    netip.Addr
	took    time.Duration // 0: nothing is known yet
}

// sent is a datagram by its number, nil if there is none.
func (k *hopsBack) sent(n uint64) *sentHop {
	if one := &k.ring[n%hopsKept]; one.n == n+1 && n < hopsMost {
		return one
	}
	return nil
}

// routerSaid takes in what a router says. It is about the datagram that it quotes.
func (k *hopsBack) routerSaid(e *dgram.NetworkError, session uint64) {
	if k == nil || !e.From.IsValid() || !wire.IsICMPError(e.From.Is6(), e.Type) {
		return
	}
	n, proven := quotedHop(e.Payload, session)
	one := k.sent(n)
	switch {
	case len(e.Payload) < quotedLeast:
		k.short++
		return
	case !proven || one == nil || one.took != 0:
		return
	}
	one.took = max(e.Time.Sub(one.sent), 1)
	one.from, one.typ, one.code, one.back = e.From, e.Type, e.Code, e.TTL
}

// came takes in that the client has got one.
func (k *hopsBack) came(h *header, at time.Time) {
	if one := k.sent(h.seq); one != nil && one.took == 0 && one.ttl == h.flags {
		one.took = max(at.Sub(one.sent), 1)
	}
}

// answer tells what became of the first few of those that were asked after.
func (k *hopsBack) answer(numbers []uint64) hopsAnswer {
	a := hopsAnswer{Hops: []hopTold{}, Short: k.short}
	for _, n := range numbers[:min(len(numbers), hopsTold)] {
		t := hopTold{N: n}
		if one := k.sent(n); one != nil {
			t.TTL, t.Took, t.Type, t.Code, t.Back, t.Lost = one.ttl, one.took, one.typ, one.code, one.back, one.refused
			if one.from.IsValid() {
				t.From = one.from.WithZone("").String()
			}
		}
		a.Hops = append(a.Hops, t)
	}
	return a
}
