package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// DurationVar defines a flag for a time that takes units (10ms, 1.5s) and, as ping and sleep do, bare seconds (0.2).
func DurationVar(f *pflag.FlagSet, p *time.Duration, name, short string, value time.Duration, usage string) {
	*p = value
	f.VarP((*durationValue)(p), name, short, usage)
}

type durationValue time.Duration

func (d *durationValue) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = durationValue(v)
	return nil
}

func (d *durationValue) String() string { return time.Duration(*d).String() }
func (d *durationValue) Type() string   { return "duration" }

// ParseDuration reads a time of at least 0: with units as time.ParseDuration has them, or bare seconds.
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		seconds, numErr := strconv.ParseFloat(s, 64)
		if numErr != nil || math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/float64(time.Second)/2 {
			return 0, fmt.Errorf("%q is no time; write 10ms, 1.5s or 2m", s)
		}
		d = time.Duration(math.Round(seconds * float64(time.Second)))
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", s)
	}
	return d, nil
}

// Rate is how fast to send: in packets or in bits per second, never both.
type Rate struct {
	Packets float64 // per second
	Bits    float64 // per second, of the layer that the command names
}

// IsZero tells whether no rate was given.
func (r Rate) IsZero() bool { return r.Packets == 0 && r.Bits == 0 }

// String prints the rate as ParseRate reads it.
func (r Rate) String() string {
	switch {
	case r.Bits > 0:
		return exact(r.Bits) + "bps"
	case r.Packets > 0:
		return exact(r.Packets) + "pps"
	default:
		return ""
	}
}

func exact(v float64) string {
	v, prefix := prefixed(v)
	return strconv.FormatFloat(v, 'g', -1, 64) + prefix
}

// Scaled is a quantity of a unit with three digits: "1.5 Mbit/s", "20 k datagrams/s", "20 datagrams/s".
func Scaled(v float64, unit string) string {
	v, prefix := prefixed(v)
	return fmt.Sprintf("%.3g %s", v, strings.TrimSpace(prefix+unit))
}

// prefixed divides by what a prefix of a unit means.
func prefixed(v float64) (float64, string) {
	switch size := math.Abs(v); {
	case size >= 1e9:
		return v / 1e9, "G"
	case size >= 1e6:
		return v / 1e6, "M"
	case size >= 1e3:
		return v / 1e3, "k"
	}
	return v, ""
}

// Set reads a rate, for pflag.
func (r *Rate) Set(s string) error {
	v, err := ParseRate(s)
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// Type names the kind of value, for pflag.
func (r *Rate) Type() string { return "rate" }

// ParseRate reads a rate above 0: 1000, 50kpps, 2.5Mpps, 10Mbps, 1Gbit/s. A bare number is packets per second; one with
// k, M or G needs a unit, for what is 10M to one tool is packets and to another bits.
func ParseRate(s string) (Rate, error) {
	number, bits, ok := s, false, false
	unit := false
	for _, u := range []struct {
		suffix string
		bits   bool
	}{{"pps", false}, {"/s", false}, {"bps", true}, {"bit/s", true}, {"bit", true}} {
		if rest, found := strings.CutSuffix(s, u.suffix); found && (u.suffix != "/s" || !strings.HasSuffix(s, "bit/s")) {
			number, bits, unit = rest, u.bits, true
			break
		}
	}
	scale := 1.0
	if n := len(number); n > 0 {
		if f := map[byte]float64{'k': 1e3, 'K': 1e3, 'M': 1e6, 'G': 1e9}[number[n-1]]; f != 0 {
			scale, number = f, number[:n-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	v *= scale
	ok = err == nil && v > 0 && v <= 1e12
	if !ok {
		return Rate{}, fmt.Errorf("%q is no rate; write 1000, 50kpps or 10Mbps", s)
	}
	if scale > 1 && !unit {
		return Rate{}, fmt.Errorf("%q of what? write %spps (packets a second) or %sbps (bits a second)", s, s, s)
	}
	if bits {
		return Rate{Bits: v}, nil
	}
	return Rate{Packets: v}, nil
}

// SizeVar defines a flag for a number of bytes: 1400, 64KiB, 10MB.
func SizeVar(f *pflag.FlagSet, p *int64, name, short string, value int64, usage string) {
	*p = value
	f.VarP((*sizeValue)(p), name, short, usage)
}

type sizeValue int64

func (v *sizeValue) Set(s string) error {
	n, err := ParseSize(s)
	if err != nil {
		return err
	}
	*v = sizeValue(n)
	return nil
}

func (v *sizeValue) String() string { return strconv.FormatInt(int64(*v), 10) }
func (v *sizeValue) Type() string   { return "size" }

// ParseSize reads a number of bytes of at least 0, with k, M, G for powers of 1000 and Ki, Mi, Gi for powers of
// 1024, a B behind them allowed.
func ParseSize(s string) (int64, error) {
	number := strings.TrimSuffix(s, "B")
	scale := int64(1)
	for _, u := range []struct {
		suffix string
		scale  int64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, scale = rest, u.scale
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/scale {
		return 0, fmt.Errorf("%q is no size; write 1400, 64KiB or 10MB", s)
	}
	return n * scale, nil
}

// Percent prints a part of a whole, 0 to 1, as a percentage in six columns. One that is not 0 or 100 does not look like
// it.
func Percent(part float64) string {
	text := strconv.FormatFloat(100*part, 'f', 1, 64)
	switch {
	case part > 0 && text == "0.0":
		return "<0.1%"
	case part < 1 && text == "100.0":
		return ">99.9%"
	}
	return strings.TrimSuffix(text, ".0") + "%"
}
