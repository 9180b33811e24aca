package decode

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRegistry holds the rows to what the registry asks of them.
func TestRegistry(t *testing.T) {
	names, numbers := map[string]Type{}, map[string]Type{}
	one := func(a *application, kind string, n any) {
		key := fmt.Sprint(kind, " ", n)
		if other, ok := numbers[key]; ok {
			t.Errorf("%s is of %s and of %s", key, other, a.name)
		}
		numbers[key] = a.Type
	}
	for ty := TypePayload; ty < numTypes; ty++ {
		if ty >= firstApplication && rowOf[ty] == nil {
			t.Fatalf("type %d, after %s, has no row", ty, ty-1)
		}
		if other, ok := names[ty.String()]; ok {
			t.Errorf("%s is the name of %d and %d", ty, other, ty)
		}
		names[ty.String()] = ty
		if ty.Title() == "" {
			t.Errorf("%s has no title", ty)
		}
	}
	for i := range applications {
		a := &applications[i]
		if rowOf[a.Type] != a {
			t.Errorf("%s has two rows", a.name)
		}
		if (a.elsewhere != 0 || a.beside != TypeNone) && a.is == nil {
			t.Errorf("%s is looked for by its bytes, and has no is", a.name)
		}
		if (a.starts != "" || a.heads != nil) && a.elsewhere == 0 {
			t.Errorf("%s has starts, and is looked for nowhere", a.name)
		}
		for _, c := range a.in {
			if c.Transport() {
				t.Errorf("%s is in %s: what a transport carries is told by ports or looked for elsewhere", a.name, c)
			}
		}
		for _, n := range a.ether {
			one(a, "EtherType", n)
			if etherType(n) != a.Type {
				t.Errorf("EtherType %#04x is %s in type.go, and of %s", n, etherType(n), a.name)
			}
		}
		for _, n := range a.ip {
			one(a, "IP protocol", n)
		}
		for _, n := range a.ppp {
			one(a, "PPP protocol", n)
		}
		for _, n := range a.sap {
			one(a, "SAP", n)
		}
		for _, n := range a.snap {
			one(a, "SNAP", n)
		}
		for _, n := range a.link {
			one(a, "link type", n)
			if int(n) < len(links) && links[n] != TypeNone {
				t.Errorf("link type %v is of %s in dispatch.go, and of %s", n, links[n], a.name)
			}
		}
		for _, n := range a.ppid {
			one(a, "payload protocol identifier", n)
		}
		for _, n := range a.sctp {
			one(a, "SCTP port", n)
		}
	}
	for name, f := range map[string]*finder{"UDP": inDatagrams, "TCP": inStreams} {
		for port, others := range f.shared {
			for _, ty := range append([]Type{f.ports[port] &^ sharedPort}, others[:len(others)-1]...) {
				if rowOf[ty].is == nil {
					t.Errorf("%s port %d is of %s, which has no is, and of %v", name, port, ty, others)
				}
			}
		}
	}
}

// maxAsked is how many rows may be looked at for a payload that nobody knows, on average over first bytes, and maxCalled
// how many functions may be called whatever the bytes behind the first are.
const (
	maxAsked  = 8
	maxCalled = 2
)

// TestFewAreAsked keeps what is looked for on all ports cheap: most first bytes concern few protocols.
func TestFewAreAsked(t *testing.T) {
	for name, f := range map[string]*finder{"UDP": inDatagrams, "TCP": inStreams} {
		asked, most, called := 0, 0, 0
		for i := range 256 {
			n := len(f.first[i]) + len(f.last[i])
			asked += n
			most = max(most, n)
			for _, a := range slices.Concat(f.first[i], f.last[i]) {
				if a.mask == 0 {
					called++
				}
			}
		}
		t.Logf("%s: %.2f on average, %d at most; %.2f are called", name, float64(asked)/256, most, float64(called)/256)
		if asked > 256*maxAsked || called > 256*maxCalled {
			t.Errorf("%s: %.1f rows are looked at for a payload, %.1f called: give those that are looked for elsewhere their starts and heads", name,
				float64(asked)/256, float64(called)/256)
		}
	}
}

// TestRandomBytesAreNothing looks for protocols where there are none, between ports of nobody.
func TestRandomBytesAreNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	found := map[string]int{}
	const n = 400_000
	for i := range n {
		b := make([]byte, 12+rng.IntN(120))
		for k := range b {
			b[k] = byte(rng.Uint32())
		}
		b[0] = byte(i)
		for _, f := range []*finder{inDatagrams, inStreams} {
			if ty := f.find(40000, 50000, b); ty != TypePayload {
				found[ty.String()]++
			}
		}
	}
	for name, count := range found {
		if count > n/100_000 {
			t.Errorf("%s is found %d times in %d payloads of random bytes", name, count, n)
		}
	}
}
