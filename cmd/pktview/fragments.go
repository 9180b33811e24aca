package main

import (
	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// fragmentRecord is a record of --json about a datagram whose fragments were not all seen.
type fragmentRecord struct {
	Type        string   `json:"type"`
	Fate        string   `json:"fate"`
	Reason      string   `json:"reason,omitempty"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	ID          uint32   `json:"id"`
	Protocol    uint8    `json:"protocol"`
	Packets     []uint64 `json:"packets"`
	Length      int      `json:"length"` // -1: not known
	Have        int      `json:"have"`
	Missing     [][2]int `json:"missing"` // from, to; to is -1 where the end is not known
}

// unfinishedShown is how many datagrams without all their fragments are told one by one.
const unfinishedShown = 5

// printUnfinished tells of datagrams whose fragments were not all seen.
func printUnfinished(env *cli.Env, o *options, d *flow.Defragmenter) {
	n := uint64(0)
	for g := range d.GivenUp() {
		n++
		switch {
		case o.json:
			r := fragmentRecord{Type: "datagram", Fate: g.Fate.String(), Reason: g.Reason, Source: g.Source.String(), Destination: g.Destination.String(),
				ID: g.ID, Protocol: g.Protocol, Packets: append([]uint64{}, g.Packets...), Length: g.Length, Have: g.Have, Missing: [][2]int{}}
			for _, m := range g.Missing {
				r.Missing = append(r.Missing, [2]int{m.From, m.To})
			}
			env.Stdout.JSON(r)
		case !o.quiet && n <= unfinishedShown:
			env.Warnf("%s", g.String())
		}
	}
	c := d.Counts()
	if n += c.Untold; n > unfinishedShown && !o.json && !o.quiet {
		env.Warnf("%s more without all their fragments", cli.Plural(n-unfinishedShown, "datagram"))
	}
}
