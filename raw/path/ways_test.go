package path

import (
	"net/netip"
	"strings"
	"testing"
)

// TestCompareWays: lengths tell, the ends of links are guessed, and where addresses tell nothing that is said.
func TestCompareWays(t *testing.T) {
	list := func(text string) (all []netip.Addr) {
		for word := range strings.FieldsSeq(text) {
			a, _ := netip.ParseAddr(word)
			all = append(all, a)
		}
		return all
	}
	for _, tt := range []struct{ there, back, want string }{
		// s -0.0/30- a -0.4/30- b -0.8/30- t
		{"192.0.2.2 192.0.2.6 192.0.2.10", "192.0.2.9 192.0.2.5 192.0.2.1", "both ways have 3 hops, probably by the same routers: 3 of 3 links show both ends"},
		{"192.0.2.2 * 192.0.2.10", "192.0.2.9 192.0.2.5 192.0.2.1", "both ways have 3 hops, probably by the same routers: 2 of 3 links show both ends"},
		{"2001:db8::2 2001:db8:1::2 2001:db8:9::1", "2001:db8:2::1 2001:db8:1::1 2001:db8::1", "both ways have 3 hops, probably by the same routers: 2 of 3 links show both ends"},
		// the same links, in another order
		{"192.0.2.2 192.0.2.6 192.0.2.10", "192.0.2.5 192.0.2.9 192.0.2.1", "both ways have 3 hops; 3 links seem to be on both"},
		{"192.0.2.2 192.0.2.6 192.0.2.10", "198.51.100.9 198.51.100.5 198.51.100.1", "both ways have 3 hops; whether by the same routers, addresses do not tell"},
		{"192.0.2.2 192.0.2.6 192.0.2.10", "198.51.100.9 192.0.2.1", "the ways differ: 3 hops there, 2 back; 1 link seems to be on both"},
		{"192.0.2.2 203.0.113.1 192.0.2.10", "203.0.113.1 198.51.100.1", "the ways differ: 3 hops there, 2 back; 203.0.113.1 is on both"},
		{"192.0.2.2 203.0.113.1 203.0.113.9 192.0.2.10", "203.0.113.9 203.0.113.1 198.51.100.7 198.51.100.1", "both ways have 4 hops; 203.0.113.1 and others are on both"},
		{"192.0.2.2 203.0.113.1 192.0.2.10", "198.51.100.1", "the ways differ: 3 hops there, 1 back"},
		{"192.0.2.2", "192.0.2.1", "both ways have 1 hop"},
	} {
		if got := CompareWays(list(tt.there), list(tt.back)).String(); got != tt.want {
			t.Errorf("%s, %s: %s, expected %s", tt.there, tt.back, got, tt.want)
		}
	}
}
