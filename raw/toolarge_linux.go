package raw

import (
	"net/netip"
	"slices"
	"syscall"
)

// pathMTU is what this host knows of the way to a target.
type pathMTU struct {
	target netip.Addr
	mtu    int
}

// unsent ends an echo that the system refused to send. One that is too large waits for the entry of the error queue that
// tells the path's MTU, if that was not read before; without it the echo ends when its answer would be overdue.
func (r *Run) unsent(l *link, n uint64, s *slot, errno syscall.Errno) {
	if errno != syscall.EMSGSIZE {
		r.refuse(n, s, errno, 0)
		return
	}
	for i, m := range l.mtus {
		if m.target == s.target.WithZone("") {
			l.mtus = slices.Delete(l.mtus, i, i+1)
			r.refuse(n, s, errno, m.mtu)
			return
		}
	}
	l.large = append(l.large, n)
}

// tooLarge takes in an entry of the error queue about a message that was too large to be sent.
func (r *Run) tooLarge(l *link, m pathMTU) {
	for i, n := range l.large {
		if s := r.table.get(n); s != nil && s.target.WithZone("") == m.target {
			l.large = slices.Delete(l.large, i, i+1)
			r.refuse(n, s, syscall.EMSGSIZE, m.mtu)
			return
		}
	}
	const most = 64 // an echo that is tried again makes an entry each time
	if len(l.mtus) == most {
		l.mtus = l.mtus[1:]
	}
	l.mtus = append(l.mtus, m)
}

// forgetLarge tells whether echo n waited for such an entry. It waits no longer.
func (l *link) forgetLarge(n uint64) bool {
	i := slices.Index(l.large, n)
	if i >= 0 {
		l.large = slices.Delete(l.large, i, i+1)
	}
	return i >= 0
}
