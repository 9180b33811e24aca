package impair

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SyntaxError is a mistake in a configuration text.
type SyntaxError struct {
	Column int // byte of the text, from 1
	Msg    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("impair: column %d: %s", e.Column, e.Msg) }

// Parse reads a configuration such as
//
//	loss=5%,dup=1%,delay=10ms,jitter=2ms,reorder=3%,corrupt=0.1%,rate=1Mbps,seed=7
//
// Settings are name=value, separated by commas, spaces around them ignored, each at most once:
//
//	seed=N                 Seed
//	loss=P                 Loss
//	enter=P leave=P        BurstEnter, BurstLeave: bursts of loss
//	badloss=P              BurstLoss
//	dup=P                  Duplicate
//	reorder=P gap=N hold=D Reorder, ReorderGap, ReorderHold
//	delay=D jitter=D       Delay, Jitter
//	dist=NAME              Distribution: uniform, normal or pareto
//	order=NAME             keep (the default) or free: JitterReorders
//	corrupt=P              Corrupt
//	from=B to=B            CorruptFrom, CorruptTo
//	truncate=P cut=B       Truncate, TruncateTo
//	rate=R burst=B         Rate, Burst
//	queue=B packets=N      QueueBytes, QueuePackets
//
// A probability P is a percentage (5%) or a fraction (0.05); a time D is as for [time.ParseDuration]; a rate R has
// the unit bps, kbps, Mbps or Gbps; a size B is a number of bytes or has the unit B, KB, KiB, MB or MiB. A
// mistake is a [SyntaxError] with its column; values out of range are refused as by [New].
func Parse(text string) (Config, error) {
	var cfg Config
	seen := map[string]bool{}
	for at := 0; at <= len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], ','); i >= 0 {
			end = at + i
		}
		if err := cfg.set(text, at, end, seen); err != nil {
			return Config{}, err
		}
		at = end + 1
	}
	if err := cfg.validate(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// set reads the one setting in text[at:end].
func (c *Config) set(text string, at, end int, seen map[string]bool) error {
	for at < end && text[at] == ' ' {
		at++
	}
	for at < end && text[end-1] == ' ' {
		end--
	}
	if at == end {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return &SyntaxError{at + 1, "expected name=value"}
	}
	name, value, ok := strings.Cut(text[at:end], "=")
	if !ok {
		return &SyntaxError{at + 1, fmt.Sprintf("%q is not name=value", text[at:end])}
	}
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return &SyntaxError{at + 1, fmt.Sprintf("unknown setting %q, not one of %s", name, settingNames())}
	}
	if seen[name] {
		return &SyntaxError{at + 1, fmt.Sprintf("%s is set twice", name)}
	}
	seen[name] = true
	s := settings[i]
	if !s.kind.parse(s.field(c), value) {
		return &SyntaxError{at + len(name) + 2, fmt.Sprintf("%s: %q is not %s", name, value, s.kind.what)}
	}
	return nil
}

// String returns the text that [Parse] reads as this configuration: what is not zero, in the order of Parse's list.
func (c Config) String() string {
	var parts []string
	for _, s := range settings {
		if v := s.kind.format(s.field(&c)); v != "" {
			parts = append(parts, s.name+"="+v)
		}
	}
	return strings.Join(parts, ",")
}

// setting ties a name to a field and its kind of value.
type setting struct {
	name  string
	field func(*Config) any
	kind  kind
}

// kind is how a kind of value is written; format returns "" for zero.
type kind struct {
	what   string // to be given
	parse  func(field any, text string) bool
	format func(field any) string
}

// kindOf makes a kind of functions for its values.
func kindOf[T comparable](what string, parse func(string) (T, bool), format func(T) string) kind {
	var zero T
	return kind{what, func(field any, text string) bool {
		v, ok := parse(text)
		if ok {
			*field.(*T) = v
		}
		return ok
	}, func(field any) string {
		if v := *field.(*T); v != zero {
			return format(v)
		}
		return ""
	}}
}

var (
	seeds         = kindOf("a whole number from 0 to 2^64-1", parseSeed, formatSeed)
	probabilities = kindOf("a probability from 0% to 100% (0 to 1)", parseProbability, formatFloat)
	times         = kindOf(fmt.Sprintf("a time from 0s to %v, such as 10ms", maxDelay), parseTime, time.Duration.String)
	shapes        = kindOf("one of "+strings.Join(distributions[:], ", "), parseDistribution, Distribution.String)
	orders        = kindOf("keep or free", parseOrder, func(bool) string { return "free" })
	counts        = kindOf(fmt.Sprintf("a whole number from 0 to %d", math.MaxInt32), parseCount, strconv.Itoa)
	sizes         = kindOf("a size in bytes, such as 1500, 64KB or 1MiB", parseSize, strconv.Itoa)
	rates         = kindOf("a rate from 1bps to 1000Gbps, such as 1Mbps", parseRate, formatRate)
)

var settings = []setting{
	{"seed", func(c *Config) any { return &c.Seed }, seeds},
	{"loss", func(c *Config) any { return &c.Loss }, probabilities},
	{"enter", func(c *Config) any { return &c.BurstEnter }, probabilities},
	{"leave", func(c *Config) any { return &c.BurstLeave }, probabilities},
	{"badloss", func(c *Config) any { return &c.BurstLoss }, probabilities},
	{"dup", func(c *Config) any { return &c.Duplicate }, probabilities},
	{"reorder", func(c *Config) any { return &c.Reorder }, probabilities},
	{"gap", func(c *Config) any { return &c.ReorderGap }, counts},
	{"hold", func(c *Config) any { return &c.ReorderHold }, times},
	{"delay", func(c *Config) any { return &c.Delay }, times},
	{"jitter", func(c *Config) any { return &c.Jitter }, times},
	{"dist", func(c *Config) any { return &c.Distribution }, shapes},
	{"order", func(c *Config) any { return &c.JitterReorders }, orders},
	{"corrupt", func(c *Config) any { return &c.Corrupt }, probabilities},
	{"from", func(c *Config) any { return &c.CorruptFrom }, sizes},
	{"to", func(c *Config) any { return &c.CorruptTo }, sizes},
	{"truncate", func(c *Config) any { return &c.Truncate }, probabilities},
	{"cut", func(c *Config) any { return &c.TruncateTo }, sizes},
	{"rate", func(c *Config) any { return &c.Rate }, rates},
	{"burst", func(c *Config) any { return &c.Burst }, sizes},
	{"queue", func(c *Config) any { return &c.QueueBytes }, sizes},
	{"packets", func(c *Config) any { return &c.QueuePackets }, counts},
}

func settingNames() string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

func parseSeed(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

func formatSeed(n uint64) string { return strconv.FormatUint(n, 10) }

// number reads a plain decimal number; strconv alone would take "inf", "0x1p3" and "1_000".
func number(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

func parseProbability(text string) (float64, bool) {
	digits, percent := strings.CutSuffix(text, "%")
	p, ok := number(digits)
	if percent {
		p /= 100
	}
	return p, ok && p <= 1
}

// formatFloat writes a probability as a fraction, which reads back as the same number; a percentage might not.
func formatFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func parseTime(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0 && d <= maxDelay
}

func parseDistribution(text string) (Distribution, bool) {
	i := slices.Index(distributions[:], text)
	return Distribution(max(i, 0)), i >= 0
}

func parseOrder(text string) (free, ok bool) { return text == "free", text == "free" || text == "keep" }

func parseCount(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil
}

// unit is a suffix and what it multiplies by; of the suffixes that fit, the first in a list counts.
type unit struct {
	suffix string
	factor float64
}

var (
	rateUnits = []unit{{"Gbps", 1e9}, {"Mbps", 1e6}, {"kbps", 1e3}, {"bps", 1}}
	sizeUnits = []unit{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}
)

// quantity reads a number with one of the units.
func quantity(text string, units []unit) (float64, bool) {
	for _, u := range units {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			n, ok := number(digits)
			return n * u.factor, ok
		}
	}
	return 0, false
}

func parseSize(text string) (int, bool) {
	n, ok := quantity(text, sizeUnits)
	return int(n), ok && n == math.Trunc(n) && n <= math.MaxInt32
}

func parseRate(text string) (float64, bool) {
	r, ok := quantity(text, rateUnits)
	return r, ok && (r == 0 || r >= 1) && r <= maxRate
}

func formatRate(r float64) string { return formatFloat(r) + "bps" }
