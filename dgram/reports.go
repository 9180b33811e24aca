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

// SendTimes appends the times of stamped datagrams that came in since the last call to list, without waiting; the last 256
// are kept. A datagram that was cut by the device, or never left, has none.
func (c *Conn) SendTimes(list []SendTime) []SendTime {
	c.drain()
	c.stamps.Lock()
	defer c.stamps.Unlock()
	list = append(list, c.stamps.list...)
	c.stamps.list = c.stamps.list[:0]
	return list
}

// stamps are send times that nobody has asked for yet.
type stamps struct {
	sync.Mutex
	list []SendTime
}

const maxStamps = 256

func (s *stamps) add(t SendTime) {
	s.Lock()
	defer s.Unlock()
	if len(s.list) == maxStamps {
		s.list = s.list[:copy(s.list, s.list[1:])]
	}
	s.list = append(s.list, t)
}

// reports are errors that no call has returned yet.
type reports struct {
	sync.Mutex
	list  []*NetworkError
	total uint64
}

const maxReports = 64

func (r *reports) add(e *NetworkError) {
	r.Lock()
	defer r.Unlock()
	r.total++
	if len(r.list) == maxReports {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	r.list = append(r.list, e)
}

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
