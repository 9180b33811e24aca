package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
)

func cut[T any](list []T, n int) []T {
	if n > 0 && len(list) > n {
		return list[:n]
	}
	return list
}

func more(out *cli.Output, have, shown int) {
	if shown > 0 && have > shown {
		out.Printf("  … and %d more; --top 0 lists all\n", have-shown)
	}
}

// compact prints a number in a width of at least 5, as 1.23M where all its digits do not fit.
func compact(n uint64, width int) string {
	s := fmt.Sprint(n)
	if len(s) <= width {
		return s
	}
	return strings.ReplaceAll(short(float64(n)), " ", "")
}

func percent(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

func size(n uint64) string { return short(float64(n)) + "B" }

func rate(bits float64) string { return short(bits) + "bit/s" }

// short prints a number with three digits and a unit prefix.
func short(v float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		if v < 999.5 {
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.3g T", v)
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// end prints an address, with its port where there is one.
func end(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return net.JoinHostPort(a.Addr().String(), fmt.Sprint(a.Port()))
}

// spanText gives a time of more than two days in days, as 2132d21h7m43s.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	if d > -2*day && d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%dd%v", d/day, (d % day).Abs())
}
