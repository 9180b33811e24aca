package perf

import (
	"crypto/sha256"
	"encoding/hex"
)

// clock is what an end says of its clock.
type clock struct {
	Boot     string `json:"boot,omitempty"`   // a digest of the kernel's boot id: the same means one clock
	Synced   bool   `json:"synced,omitempty"` // the kernel says that it is synchronised
	MaxError int64  `json:"max_error_ns,omitempty"`
}

// Relation is how two clocks relate.
type Relation string

// Relations.
const (
	ClockSame        Relation = "same"         // one kernel: one-way delays are true
	ClockSynced      Relation = "synchronised" // both kernels say so: one-way delays are true within their errors
	ClockIndependent Relation = "independent"  // only variations are known, with the skew taken out
)

func (c clock) relation(other clock) Relation {
	switch {
	case c.Boot != "" && c.Boot == other.Boot:
		return ClockSame
	case c.Synced && other.Synced:
		return ClockSynced
	}
	return ClockIndependent
}

// hashed hides the boot id itself, which identifies the host.
func hashed(id string) string {
	sum := sha256.Sum256([]byte("sockwire " + id))
	return hex.EncodeToString(sum[:8])
}
