package perf

import (
	"net/netip"
	"syscall"
	"testing"

	"sockwire/dgram"
)

// An error counts for the probe that it quotes, whichever is waited for; one that quotes none of ours is a hint.
func TestErrorsBelongToTheProbeTheyQuote(t *testing.T) {
	quote := func(session uint64, size, keep int) []byte {
		b := make([]byte, size)
		h := header{kind: kindProbe, session: session, seq: uint64(size)}
		h.put(b)
		return b[:keep]
	}
	router := netip.MustParseAddr("192.0.2.1")
	for name, tt := range map[string]struct {
		e                    dgram.NetworkError
		low, high, top, hint int
	}{
		"of a larger probe before":      {dgram.NetworkError{From: router, Payload: quote(9, 1472, 500)}, 300, 1471, 1471, 0},
		"of one larger, with the MTU":   {dgram.NetworkError{From: router, MTU: 1400, Payload: quote(9, 1472, 24)}, 300, 1372, 1372, 0},
		"of this one":                   {dgram.NetworkError{From: router, MTU: 576, Payload: quote(9, 760, 24)}, 300, 548, 548, 0},
		"of this one, without the MTU":  {dgram.NetworkError{From: router, Payload: quote(9, 760, 24)}, 300, 759, 759, 0},
		"an MTU that it would pass":     {dgram.NetworkError{From: router, MTU: 1500, Payload: quote(9, 1472, 24)}, 300, 1471, 1471, 0},
		"of this host":                  {dgram.NetworkError{MTU: 500}, 300, 2000, 3000, 0},
		"of another session":            {dgram.NetworkError{From: router, MTU: 576, Payload: quote(8, 760, 24)}, 300, 2000, 3000, 548},
		"of a probe not sent":           {dgram.NetworkError{From: router, MTU: 576, Payload: quote(9, 761, 24)}, 300, 2000, 3000, 548},
		"quoting too little":            {dgram.NetworkError{From: router, MTU: 576, Payload: quote(9, 760, 8)}, 300, 2000, 3000, 548},
		"quoting nothing":               {dgram.NetworkError{From: router, MTU: 576}, 300, 2000, 3000, 548},
		"quoting nothing, and no MTU":   {dgram.NetworkError{From: router}, 300, 2000, 3000, 0},
		"forged, below what has passed": {dgram.NetworkError{From: router, MTU: 68}, 300, 2000, 3000, 0},
		"of something else":             {dgram.NetworkError{From: router, MTU: 576, Err: syscall.EHOSTUNREACH, Payload: quote(9, 760, 24)}, 300, 2000, 3000, 0},
	} {
		f := &flow{cfg: &Config{Up: &Load{Count: 1}}, conn: toNobody(t), session: 9}
		s := newMTUSearch(f)
		s.low, s.high, s.top = 300, 2000, 3000
		s.sent[1472], s.sent[760] = true, true
		if tt.e.Err == nil {
			tt.e.Err = syscall.EMSGSIZE
		}
		s.networkSaid(&tt.e, 760)
		if s.low != tt.low || s.high != tt.high || s.top != tt.top || s.hint != tt.hint {
			t.Errorf("%s: low %d, high %d, top %d, hint %d; want %d, %d, %d, %d", name, s.low, s.high, s.top, s.hint, tt.low, tt.high, tt.top, tt.hint)
		}
	}
}

// A late answer takes back that a size was given up, and one to what was not sent is none.
func TestLateAnswersToProbes(t *testing.T) {
	f := &flow{cfg: &Config{Up: &Load{Count: 1}}, conn: toNobody(t), session: 9}
	s := newMTUSearch(f)
	s.low, s.high, s.top = 300, 700, 1472
	s.sent[1000] = true
	answer := func(session uint64, size, arrived int) {
		b := make([]byte, HeaderSize)
		h := header{kind: kindProbed, session: session, seq: uint64(size), due: int64(arrived)}
		h.put(b)
		s.answer(&dgram.Datagram{Payload: b})
	}
	answer(9, 1001, 1001)
	answer(8, 1000, 1000)
	answer(9, 1000, 999)
	if s.low != 300 || s.high != 700 {
		t.Errorf("low %d, high %d", s.low, s.high)
	}
	if answer(9, 1000, 1000); s.low != 1000 || s.high != 1472 {
		t.Errorf("low %d, high %d", s.low, s.high)
	}
}
