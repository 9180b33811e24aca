package dgram

import (
	"net/netip"
	"slices"
	"sync"
)

// Reports returns what the network said about datagrams sent since the last call, at most the last 64, and how many
// such errors there have been in all. It looks into the error queue without waiting.
func (c *Conn) Reports() ([]*NetworkError, uint64) {
	c.drain()
	c.reports.Lock()
	defer c.reports.Unlock()
	list := c.reports.list
	c.reports.list = nil
	return list, c.reports.total
}

// SendTimes appends the times of stamped datagrams that came in since the last call to list, without waiting; the last
// 256 are kept. A datagram that was cut by the device, or never left, has none.
func (c *Conn) SendTimes(list []SendTime) []SendTime {
	c.drain()
	c.stamps.Lock()
	defer c.stamps.Unlock()
	list = append(list, c.stamps.list...)
	c.stamps.list = c.stamps.list[:0]
	return list
}

// recent are the last things that came in and that no call has returned yet, and how many there have been in all.
type recent[T any] struct {
	sync.Mutex
	list  []T
	total uint64
}

const (
	maxStamps  = 256
	maxReports = 64
)

// add adds one, of which so many are kept.
func (r *recent[T]) add(v T, most int) {
	r.Lock()
	defer r.Unlock()
	r.total++
	if len(r.list) == most {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, v)
}

// reports are errors of the network.
type reports struct{ recent[*NetworkError] }

// take removes the first error about a datagram to the given address, or about any if that is not valid.
func (r *reports) take(to netip.AddrPort) *NetworkError {
	r.Lock()
	defer r.Unlock()
	for i, e := range r.list {
		if !to.IsValid() || e.To == to {
			r.list = slices.Delete(r.list, i, i+1)
			return e
		}
	}
	return nil
}
