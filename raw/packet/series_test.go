package packet

import (
	"bytes"
	"testing"
)

// TestSeriesBuildsTheSame compares a series with packets built whole, for expressions that it has learnt and for those
// that it leaves alone.
func TestSeriesBuildsTheSame(t *testing.T) {
	for _, test := range []struct {
		spec   string
		learnt bool
	}{
		{"eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=1024..65535, dport=9} / zero{18}", true},
		{"ip{src=rand, dst=192.0.2.0/24, ttl=1..30, id=seq} / udp{sport=rand, dport=9} / text{odd}", true},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / tcp{sport=rand, dport=1..5, seq=rand, ack=rand, win=rand} / text{odd}", true},
		{"ip6{src=rand, dst=2001:db8::/112, hlim=1..5} / udp{sport=rand, dport=seq 65530} / zero{1}", true},
		{"ip6{src=2001:db8::1, dst=2001:db8::2} / rh{type=4, addrs=[2001:db8::3, 2001:db8::4], left=1} / tcp{dport=rand}", true},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / icmp{id=rand, seq=seq} / text{hello}", true},
		{"ip6{src=2001:db8::1, dst=2001:db8::2} / icmp6{id=rand, seq=seq} / text{hello}", true},
		{"ip{src=192.0.2.1, dst=192.0.2.2, chksum=0xbad, ttl=rand} / udp{sport=rand, dport=9, chksum=0}", true},
		{"ip{src=192.0.2.1, dst=192.0.2.2, options=[lsrr{addrs=[192.0.2.3, 192.0.2.4]}]} / udp{sport=rand}", true},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / udp / vxlan{vni=1} / eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / ip{src=rand, dst=192.0.2.4} / tcp{sport=rand}", false}, // checksums over checksums
		{"ip{src=192.0.2.1, dst=192.0.2.2} / gre{csum=1} / ip{src=rand, dst=192.0.2.4} / udp{sport=rand} / text{odd}", false},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / udplite{cov=8, sport=rand} / zero{20}", false},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / sctp{sport=rand, dport=9} / chunk", false}, // a checksum of another kind
		{"ip{src=192.0.2.1, dst=192.0.2.2} / udp{len=rand}", false},
		{"ip{src=192.0.2.1, dst=192.0.2.2, dscp=1..60} / udp", false},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / frag{mtu=100} / udp{sport=rand} / zero{400}", false},
		{"ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=rand} / random{1..400}", false},
	} {
		template, err := Parse(test.spec)
		if err != nil {
			t.Errorf("%s: %v", test.spec, err)
			continue
		}
		template.SetSeed(7)
		other, _ := Parse(test.spec)
		other.SetSeed(7)
		s := NewSeries(template)
		if (s.last != nil) != test.learnt {
			t.Errorf("%s: learnt %v, want %v", test.spec, s.last != nil, test.learnt)
		}
		var got, want []byte
		var gotEnds, wantEnds []int
		count := uint64(200000) // so many that a checksum of 0 is among them
		if testing.Short() || !test.learnt {
			count = 5000
		}
		for n := range count {
			var gotErr, wantErr error
			got, gotEnds, gotErr = s.Append(got[:0], gotEnds[:0], n)
			want, wantEnds, wantErr = other.Append(want[:0], wantEnds[:0], n)
			if !bytes.Equal(got, want) || len(gotEnds) != len(wantEnds) || (gotErr != nil) != (wantErr != nil) {
				t.Errorf("%s, packet %d:\n got %x %v\nwant %x %v", test.spec, n, got, gotErr, want, wantErr)
				break
			}
		}
		if allocs := testing.AllocsPerRun(100, func() { got, gotEnds, _ = s.Append(got[:0], gotEnds[:0], 77) }); allocs != 0 {
			t.Errorf("%s: %v allocations", test.spec, allocs)
		}
	}
}
