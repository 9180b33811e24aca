package flow

import (
	"math/rand/v2"
	"testing"
)

// TestTable keeps the table beside a map, over keys that come, go and come again.
func TestTable(t *testing.T) {
	var tab table
	tab.init()
	r := rand.New(rand.NewPCG(1, 2))
	truth := map[key]*Stream{}
	for range 200_000 {
		k := key{ports: uint32(r.IntN(3000)), family: 4}
		hash := tab.hash(&k)
		s := tab.find(&k, hash, true)
		if s != truth[k] {
			t.Fatalf("found %p, want %p", s, truth[k])
		}
		switch {
		case s == nil:
			truth[k] = tab.add(&k, hash)
		case r.IntN(3) == 0:
			tab.unlink(s)
			tab.release(s)
			delete(truth, k)
		default:
			tab.touch(s)
			if tab.at(tab.newest) != s {
				t.Fatal("touched, and not the newest")
			}
		}
		if tab.used != len(truth) {
			t.Fatalf("%d used, want %d", tab.used, len(truth))
		}
	}
	n := 0
	for slot := tab.oldest; slot != none; slot = tab.at(slot).newer {
		n++
	}
	if n != len(truth) {
		t.Errorf("%d in the order of use, want %d", n, len(truth))
	}
}
