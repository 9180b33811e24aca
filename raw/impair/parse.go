package impair

import (
	"fmt"
	"math"
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
	s, ok := settingNamed(name)
	if !ok {
		return &SyntaxError{at + 1, fmt.Sprintf("unknown setting %q, not one of %s", name, settingNames())}
	}
	if seen[name] {
		return &SyntaxError{at + 1, fmt.Sprintf("%s is set twice", name)}
	}
	seen[name] = true
	if err := s.parse(s.field(c), value); err != nil {
		return &SyntaxError{at + len(name) + 2, fmt.Sprintf("%s: %v", name, err)}
	}
	return nil
}

// String returns the text that [Parse] reads as this configuration: what is not zero, in the order of Parse's list.
func (c Config) String() string {
	var parts []string
	for _, s := range settings {
		if v := s.format(s.field(&c)); v != "" {
			parts = append(parts, s.name+"="+v)
		}
	}
	return strings.Join(parts, ",")
}

// setting ties a name to a field and to the way its kind of value is written; format returns "" for zero.
type setting struct {
	name   string
	field  func(*Config) any
	parse  func(field any, text string) error
	format func(field any) string
}

var settings = []setting{
	{"seed", func(c *Config) any { return &c.Seed }, parseSeed, formatSeed},
	{"loss", func(c *Config) any { return &c.Loss }, parseProbability, formatProbability},
	{"enter", func(c *Config) any { return &c.BurstEnter }, parseProbability, formatProbability},
	{"leave", func(c *Config) any { return &c.BurstLeave }, parseProbability, formatProbability},
	{"badloss", func(c *Config) any { return &c.BurstLoss }, parseProbability, formatProbability},
	{"dup", func(c *Config) any { return &c.Duplicate }, parseProbability, formatProbability},
	{"reorder", func(c *Config) any { return &c.Reorder }, parseProbability, formatProbability},
	{"gap", func(c *Config) any { return &c.ReorderGap }, parseCount, formatInt},
	{"hold", func(c *Config) any { return &c.ReorderHold }, parseTime, formatTime},
	{"delay", func(c *Config) any { return &c.Delay }, parseTime, formatTime},
	{"jitter", func(c *Config) any { return &c.Jitter }, parseTime, formatTime},
	{"dist", func(c *Config) any { return &c.Distribution }, parseDistribution, formatDistribution},
	{"order", func(c *Config) any { return &c.JitterReorders }, parseOrder, formatOrder},
	{"corrupt", func(c *Config) any { return &c.Corrupt }, parseProbability, formatProbability},
	{"from", func(c *Config) any { return &c.CorruptFrom }, parseSize, formatInt},
	{"to", func(c *Config) any { return &c.CorruptTo }, parseSize, formatInt},
	{"truncate", func(c *Config) any { return &c.Truncate }, parseProbability, formatProbability},
	{"cut", func(c *Config) any { return &c.TruncateTo }, parseSize, formatInt},
	{"rate", func(c *Config) any { return &c.Rate }, parseRate, formatRate},
	{"burst", func(c *Config) any { return &c.Burst }, parseSize, formatInt},
	{"queue", func(c *Config) any { return &c.QueueBytes }, parseSize, formatInt},
	{"packets", func(c *Config) any { return &c.QueuePackets }, parseCount, formatInt},
}

func settingNamed(name string) (setting, bool) {
	for _, s := range settings {
		if s.name == name {
			return s, true
		}
	}
	return setting{}, false
}

func settingNames() string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

func parseSeed(field any, text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 to 2^64-1", text)
	}
	*field.(*uint64) = n
	return nil
}

func formatSeed(field any) string {
	if n := *field.(*uint64); n != 0 {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// number reads a plain decimal number; strconv alone would take "inf", "0x1p3" and "1_000".
func number(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

func parseProbability(field any, text string) error {
	digits, percent := strings.CutSuffix(text, "%")
	p, ok := number(digits)
	if percent {
		p /= 100
	}
	if !ok || p > 1 {
		return fmt.Errorf("%q is not a probability from 0%% to 100%% (0 to 1)", text)
	}
	*field.(*float64) = p
	return nil
}

// formatProbability writes a fraction, which reads back as the same number; a percentage might not.
func formatProbability(field any) string { return formatFloat(*field.(*float64)) }

func formatFloat(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func parseTime(field any, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDelay {
		return fmt.Errorf("%q is not a time from 0s to %v, such as 10ms", text, maxDelay)
	}
	*field.(*time.Duration) = d
	return nil
}

func formatTime(field any) string {
	if d := *field.(*time.Duration); d != 0 {
		return d.String()
	}
	return ""
}

func parseDistribution(field any, text string) error {
	for i, name := range distributions {
		if name == text {
			*field.(*Distribution) = Distribution(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(distributions[:], ", "))
}

func formatDistribution(field any) string {
	if d := *field.(*Distribution); d != Uniform {
		return d.String()
	}
	return ""
}

func parseOrder(field any, text string) error {
	if text != "keep" && text != "free" {
		return fmt.Errorf("%q is not keep or free", text)
	}
	*field.(*bool) = text == "free"
	return nil
}

func formatOrder(field any) string {
	if *field.(*bool) {
		return "free"
	}
	return ""
}

func parseCount(field any, text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 to %d", text, math.MaxInt32)
	}
	*field.(*int) = int(n)
	return nil
}

func formatInt(field any) string {
	if n := *field.(*int); n != 0 {
		return strconv.Itoa(n)
	}
	return ""
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

func parseSize(field any, text string) error {
	n, ok := quantity(text, sizeUnits)
	if !ok || n != math.Trunc(n) || n > math.MaxInt32 {
		return fmt.Errorf("%q is not a size in bytes, such as 1500, 64KB or 1MiB", text)
	}
	*field.(*int) = int(n)
	return nil
}

func parseRate(field any, text string) error {
	r, ok := quantity(text, rateUnits)
	if !ok || r != 0 && r < 1 || r > maxRate {
		return fmt.Errorf("%q is not a rate from 1bps to 1000Gbps, such as 1Mbps", text)
	}
	*field.(*float64) = r
	return nil
}

func formatRate(field any) string {
	if r := formatFloat(*field.(*float64)); r != "" {
		return r + "bps"
	}
	return ""
}
