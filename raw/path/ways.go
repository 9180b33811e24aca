package path

import (
	"fmt"
	"net/netip"
	"slices"
)

// Ways says what the addresses on the way to a host and on the way back from it tell of each other. A router shows each
// way the address of another of its interfaces, as a rule that which faces who asks, so routers of the two ways cannot
// be told to be the same by their addresses alone. What can be known: ways of different lengths are not the same one.
// What can be guessed: addresses of one small network (31 or 30 bits of IPv4, 127 or 126 of IPv6) are the two ends of
// one link.
type Ways struct {
	There, Back int          // hops of each
	Both        []netip.Addr // that answer on both ways: these routers are on both
	Links       int          // that seem to be on both ways: each of two neighbours shows its end of it
	// Mirrored: the ways are of one length, and all links whose ends both show lie where they would lie if it were one
	// way. It is not set where no link shows.
	Mirrored bool
}

// CompareWays compares a way there with a way back, each from its own beginning on: who answers at TTL 1 and so on, not
// valid where nobody does. The last of there is the host, the last of back who asks.
func CompareWays(there, back []netip.Addr) Ways {
	w := Ways{There: len(there), Back: len(back)}
	inPlace := true
	for i, a := range there {
		for k, b := range back {
			switch {
			case !a.IsValid() || !b.IsValid():
			case a == b && i < len(there)-1 && k < len(back)-1:
				w.Both = append(w.Both, a)
			case a != b && neighbours(a, b):
				w.Links++
				// The link to the host at the end is the first of the way back.
				inPlace = inPlace && i+k+1 == len(there)
			}
		}
	}
	slices.SortFunc(w.Both, netip.Addr.Compare)
	w.Both = slices.Compact(w.Both)
	w.Mirrored = w.There == w.Back && w.Links > 0 && inPlace
	return w
}

// neighbours guesses that two addresses are the ends of a link.
func neighbours(a, b netip.Addr) bool {
	if a.Is4() != b.Is4() {
		return false
	}
	bits := 126
	if a.Is4() {
		bits = 30
	}
	p, err := a.Prefix(bits)
	return err == nil && p.Contains(b)
}

// String says it in a clause.
func (w Ways) String() string {
	text := fmt.Sprintf("both ways have %d hops", w.There)
	if w.There == 1 {
		text = "both ways have 1 hop"
	}
	switch {
	case w.There != w.Back:
		text = fmt.Sprintf("the ways differ: %d hops there, %d back", w.There, w.Back)
	case w.There == 1:
		return text
	case w.Mirrored:
		return fmt.Sprintf("%s, probably by the same routers: %d of %d links show both ends", text, w.Links, w.There)
	}
	switch {
	case len(w.Both) == 1:
		return fmt.Sprintf("%s; %v is on both", text, w.Both[0])
	case len(w.Both) > 1:
		return fmt.Sprintf("%s; %v and others are on both", text, w.Both[0])
	case w.Links == 1:
		return text + "; 1 link seems to be on both"
	case w.Links > 0:
		return fmt.Sprintf("%s; %d links seem to be on both", text, w.Links)
	case w.There != w.Back:
		return text
	}
	return text + "; whether by the same routers, addresses do not tell"
}
