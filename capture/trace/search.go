package trace

import (
	"math"
	"sort"
	"time"
)

// Timelines of many calls are searched, not walked: what is looked for is near in time or in its stream.

// since returns the socket's calls, in order, that were entered up to `to` and of which none before had
// returned later than from. All calls that were active in that time are among them.
func (s *Socket) since(from, to time.Duration) []*CallRecord {
	if len(s.until) != len(s.Calls) {
		s.until = make([]time.Duration, len(s.Calls))
		last := time.Duration(math.MinInt64)
		for i, c := range s.Calls {
			left := c.Left
			if c.goesOn() {
				left = math.MaxInt64
			}
			last = max(last, left)
			s.until[i] = last
		}
	}
	begin := sort.Search(len(s.Calls), func(i int) bool { return s.until[i] >= from })
	end := sort.Search(len(s.Calls), func(i int) bool { return s.Calls[i].Entered > to })
	return s.Calls[min(begin, end):end]
}

// firstEntered is the index of the first call that was entered at t or later.
func firstEntered(calls []*CallRecord, t time.Duration) int {
	return sort.Search(len(calls), func(i int) bool { return calls[i].Entered >= t })
}

// firstAfter is the index of the first packet at t or later.
func firstAfter(packets []*PacketRecord, t time.Duration) int {
	return sort.Search(len(packets), func(i int) bool { return packets[i].Time >= t })
}
