package owner

import (
	"cmp"
	"slices"
	"strings"
)

// Tally counts packets by their owners. The zero value is ready. It is not safe for concurrent use.
type Tally struct {
	// Known counts packets by the least that is known of one of their owners: by Unknown, Inferred and Exact.
	Known [3]uint64
	// Untold counts packets of processes for which there was no room: MaxTally are told apart.
	Untold uint64

	counts map[tallied]*Count
}

// MaxTally is how many processes a Tally tells apart.
const MaxTally = 1 << 16

// Count is the packets of a process. The arrays are by Role and by How.
type Count struct {
	*Process // as it was last
	Packets  [2]uint64
	Bytes    [2]uint64
	Known    [3]uint64 // packets
}

// tallied tells processes apart: one that changes its name is another.
type tallied struct {
	pid  int
	name string
}

// Add counts a packet of so many bytes with its owners, none where they are unknown. It allocates for the first packet
// of a process alone.
func (t *Tally) Add(owners []Owner, bytes int) {
	t.Known[Least(owners)]++
	for i := range owners {
		o := &owners[i]
		key := tallied{o.PID, o.Name}
		n := t.counts[key]
		if n == nil {
			if len(t.counts) == MaxTally {
				t.Untold++
				continue
			}
			if t.counts == nil {
				t.counts = map[tallied]*Count{}
			}
			n = &Count{}
			t.counts[key] = n
		}
		n.Process = o.Process
		n.Packets[o.Role]++
		n.Bytes[o.Role] += uint64(bytes)
		n.Known[o.How]++
	}
}

// Least is the least that is known of one of the owners of a packet.
func Least(owners []Owner) How {
	how := Unknown
	for i := range owners {
		if i == 0 || owners[i].How < how {
			how = owners[i].How
		}
	}
	return how
}

// Counts are those of all processes, of most bytes first. They stay as they are when more is added.
func (t *Tally) Counts() []Count {
	list := make([]Count, 0, len(t.counts))
	for _, n := range t.counts {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Bytes[0]+b.Bytes[1], a.Bytes[0]+a.Bytes[1]), cmp.Compare(a.PID, b.PID), strings.Compare(a.Name, b.Name))
	})
	return list
}
