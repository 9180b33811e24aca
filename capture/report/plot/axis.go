package plot

import (
	"math"
	"strconv"
	"strings"
)

// Axis is one of the two directions of a chart.
type Axis struct {
	Label string
	// Unit is that of the values: "s", "B", "bit/s", "%", or "" for a count. Labels get prefixes: 0.002 s is 2 ms.
	Unit string
	// Log makes it logarithmic: values that are not above 0 are then drawn at its lower end.
	Log bool
	// Zero makes a linear axis begin at 0, if no value is below.
	Zero bool
}

// domain is the range of values of an axis, in its own scale: for a logarithmic axis, of their logarithms.
type domain struct{ lo, hi float64 }

// scaled is where a value stands on the axis.
func (a Axis) scaled(v float64) float64 {
	if a.Log {
		return math.Log10(max(v, 1e-12))
	}
	return v
}

// value is the inverse of scaled.
func (a Axis) value(s float64) float64 {
	if a.Log {
		return math.Pow(10, s)
	}
	return s
}

// domainOf returns the range that has room for all values.
func (a Axis) domainOf(values func(yield func(v float64))) domain {
	d := domain{math.Inf(1), math.Inf(-1)}
	values(func(v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) || a.Log && v <= 0 {
			return
		}
		d.lo, d.hi = min(d.lo, a.scaled(v)), max(d.hi, a.scaled(v))
	})
	if d.lo > d.hi {
		d = domain{0, 1}
	}
	if a.Zero && !a.Log && d.lo > 0 {
		d.lo = 0
	}
	if d.lo == d.hi {
		d.hi++
		if a.Log || !a.Zero {
			d.lo--
		}
	}
	margin := 0.03 * (d.hi - d.lo)
	if !a.Zero || a.Log || d.lo < 0 {
		d.lo -= margin
	}
	d.hi += margin
	return d
}

// tick is one mark of an axis.
type tick struct {
	at   float64 // in the scale of the axis
	text string
}

// ticks returns about n marks at round values.
func (a Axis) ticks(d domain, n int) []tick {
	var all []tick
	if a.Log && d.hi-d.lo > 0.9 {
		parts := []float64{1, 2, 5}
		if (d.hi-d.lo)*3 > float64(n) {
			parts = parts[:1]
		}
		every := max(1, int(math.Ceil((d.hi-d.lo)/float64(n))))
		for e := int(math.Floor(d.lo)); e <= int(math.Floor(d.hi)); e++ {
			if e%every != 0 {
				continue
			}
			for _, p := range parts {
				if at := float64(e) + math.Log10(p); at >= d.lo && at <= d.hi {
					all = append(all, tick{at, Short(p*math.Pow(10, float64(e)), a.Unit)})
				}
			}
		}
		return all
	}
	lo, hi := a.value(d.lo), a.value(d.hi)
	step := round125((hi - lo) / float64(n))
	if (a.Unit == "" || a.Unit == "B") && step < 1 {
		step = 1
	}
	for i := math.Ceil(lo / step); i*step <= hi*(1+1e-12) && len(all) < 4*n; i++ {
		all = append(all, tick{a.scaled(i * step), fixed(i*step, step, max(math.Abs(lo), math.Abs(hi)), a.Unit)})
	}
	return all
}

// round125 returns the smallest of 1, 2 and 5 times a power of ten that is not below v.
func round125(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// prefix returns what v is counted in.
func prefix(v float64, unit string) (scale float64, name string) {
	if unit == "%" {
		return 1, ""
	}
	v = math.Abs(v) * (1 + 1e-12)
	switch {
	case unit == "s" && v >= 1 || v == 0:
		return 1, ""
	case unit == "s" && v >= 1e-3:
		return 1e-3, "m"
	case unit == "s" && v >= 1e-6:
		return 1e-6, "µ"
	case unit == "s":
		return 1e-9, "n"
	case v >= 1e12:
		return 1e12, "T"
	case v >= 1e9:
		return 1e9, "G"
	case v >= 1e6:
		return 1e6, "M"
	case v >= 1e3:
		return 1e3, "k"
	}
	return 1, ""
}

func withUnit(number, prefix, unit string) string {
	if prefix+unit == "" {
		return number
	}
	return number + " " + prefix + unit
}

// fixed is the text of a mark beside others a step apart, the largest of which is most.
func fixed(v, step, most float64, unit string) string {
	scale, name := prefix(most, unit)
	decimals := int(max(0, min(9, math.Ceil(-math.Log10(step/scale)-1e-9))))
	return withUnit(strconv.FormatFloat(v/scale+0, 'f', decimals, 64), name, unit)
}

// Short writes a value with four digits and its unit, such as "2.5 ms" for 0.0025 of "s".
func Short(v float64, unit string) string {
	scale, name := prefix(v, unit)
	v /= scale
	decimals := 0
	if whole := math.Abs(v); whole < 1000 {
		decimals = 3 - max(0, int(math.Floor(math.Log10(max(whole, 1)))))
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return withUnit(text, name, unit)
}
