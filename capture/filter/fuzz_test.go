package filter

import (
	"errors"
	"testing"
)

var fuzzSeeds = []string{"", "ip", "tcp port 80 or 443", "not (src or dst host 192.0.2.1)", "ether host 00:00:5e:00:53:01", "vlan 5 and mpls 7 or geneve",
	"ip[ip[0] & 0xf << 2 : 4] >= 0x0a - len", "anywhere: udp portrange 1-1023", "wlan type mgt subtype beacon", "llc rnr", "decnet src 1.1",
	"net 10 or 172.16/12 or 192.168.0.0 mask 255.255.0.0", "ip6 net 2001:db8::/32", `proto \tcp`, "byte 3 & 7", "protochain 6", "iso proto \\isis",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "-len % 7 ^ 3 > 1"}

// FuzzParse: what parses prints as something that parses to the same, and errors point into the expression.
func FuzzParse(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		x, err := Parse(expr)
		if err != nil {
			var syntax *SyntaxError
			if errors.As(err, &syntax) {
				if syntax.Col < 1 || syntax.Col > len(expr)+1 || syntax.Len < 1 {
					t.Errorf("%q: column %d, length %d", expr, syntax.Col, syntax.Len)
				}
				syntax.Caret()
			} else if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%q: %v", expr, err)
			}
			return
		}
		again, err := Parse(x.String())
		if errors.Is(err, ErrTooLarge) {
			return // the qualifiers written out can exceed the limit
		}
		if err != nil || again.String() != x.String() {
			t.Errorf("%q prints as %q: %v", expr, x, err)
		}
	})
}

// FuzzCompile: what compiles is short enough, passes the checks of NewProgram, and means what the evaluator
// says, with and without the optimizer.
func FuzzCompile(f *testing.F) {
	for i, s := range fuzzSeeds {
		f.Add(s, uint8(i), tunnelled[i%len(tunnelled)].data)
	}
	f.Fuzz(func(t *testing.T, expr string, which uint8, data []byte) {
		if len(expr) > 2000 {
			return
		}
		x, err := Parse(expr)
		if err != nil {
			return
		}
		link := supportedLinks[int(which)%len(supportedLinks)]
		opts := &Options{Live: which&0x80 != 0, NoOptimize: true, Names: &Files{Dir: "/nonexistent"}}
		plain, err := x.Compile(link, opts)
		if err != nil {
			return
		}
		ev, err := newEvaluator(x, link, opts)
		if err != nil {
			t.Fatalf("%q compiles but cannot be evaluated: %v", expr, err)
		}
		opts.NoOptimize = false
		p, err := x.Compile(link, opts)
		if errors.Is(err, ErrNeverMatches) {
			p, err = rejectAll, nil
		}
		if err != nil {
			t.Fatalf("%q compiles only unoptimized: %v", expr, err)
		}
		for _, m := range []*Meta{nil, {VLANPresent: true, VLANTCI: 5, PacketType: 4, Ifindex: 7}} {
			a, b, c := p.Match(data, m), plain.Match(data, m), ev.Match(data, m)
			if a != b || a != c {
				t.Errorf("%s: %q: optimized %v, plain %v, evaluator %v on %x with %+v", link, expr, a, b, c, data, m)
			}
		}
		if _, err := x.Explain(link, opts); err != nil {
			t.Errorf("%q: Explain: %v", expr, err)
		}
		tr, err := x.Trace(link, opts)
		if err != nil {
			t.Fatalf("%q compiles but cannot be traced: %v", expr, err)
		}
		for _, m := range []*Meta{nil, {VLANPresent: true, VLANTCI: 5, PacketType: 4, Ifindex: 7}} {
			if s := tr.Why(data, m); (s.Result == Matched) != p.Match(data, m) {
				t.Errorf("%s: %q: the program says %v on %x with %+v, the trace\n%s", link, expr, p.Match(data, m), data, m, s)
			}
		}
	})
}
