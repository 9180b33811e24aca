package packet

import "testing"

// A packet with one field that changes, as a flood builds it.
func BenchmarkTemplateAppend(b *testing.B) {
	benchmark(b, func(t *Template) appender { return t })
}

func BenchmarkSeriesAppend(b *testing.B) {
	benchmark(b, func(t *Template) appender { return NewSeries(t) })
}

type appender interface {
	Append(b []byte, ends []int, n uint64) ([]byte, []int, error)
}

func benchmark(b *testing.B, choose func(t *Template) appender) {
	t, err := Parse("eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=1024..65535, dport=9} / zero{18}")
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	var ends []int
	n, s := uint64(0), choose(t)
	for b.Loop() {
		if buf, ends, err = s.Append(buf[:0], ends[:0], n); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
