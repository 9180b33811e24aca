package decode

import (
	"math/rand/v2"
	"testing"
)

// TestRowFunctions calls what the rows tell protocols, lengths and headers by with all starts of short bytes: none may
// reach past the end, tell a length below 0 but -1, or a header longer than what there is.
func TestRowFunctions(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, 64)
	for i := range applications {
		a := &applications[i]
		for range 2000 {
			for k := range b {
				b[k] = byte(rng.Uint32())
				if rng.IntN(2) == 0 {
					b[k] &= 7
				}
			}
			n := 1 + rng.IntN(len(b))
			func() {
				defer func() {
					if e := recover(); e != nil {
						t.Fatalf("%s: %v with %x", a.name, e, b[:n])
					}
				}()
				x := b[:n:n]
				if a.is != nil {
					a.is(x, true)
					a.is(x, false)
				}
				if a.length != nil {
					if length := a.length(x); length < -1 {
						t.Fatalf("%s: length %d of %x", a.name, length, x)
					}
				}
				if a.carries != nil {
					if header, _ := a.carries(x); header < 0 {
						t.Fatalf("%s: a header of %d bytes of %x", a.name, header, x)
					}
				}
			}()
		}
	}
}
