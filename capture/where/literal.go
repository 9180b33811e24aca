package where

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/decode"
)

// parseNumber reads a number as it is written: decimal, 0x, 0b, or octal with 0 in front.
func parseNumber(s string) (num, error) {
	rest, neg := strings.CutPrefix(s, "-")
	if strings.Contains(rest, "_") || strings.HasPrefix(rest, "0o") {
		return num{}, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(rest, 0, 64)
	return num{n, neg && n > 0}, err
}

func readNumber(a *operand, t token) (*literal, error) {
	f := a.field
	switch t.kind {
	case char:
		return &literal{value{n: num{n: uint64(t.value[0])}}, strconv.Itoa(int(t.value[0]))}, nil
	case quoted:
		if _, err := parseNumber(t.value); err == nil {
			return nil, errors.New("a number is written without quotes")
		}
		if f.unnamed || a.function != "" || a.masked || f.frame != nil {
			return nil, fmt.Errorf("it cannot be compared with the text %s", t.text)
		}
		return &literal{value{name: t.value, named: true}, string(appendQuoted(nil, t.value))}, nil
	}
	n, err := parseNumber(t.text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, fmt.Errorf("%s is too large", t.text)
	case err != nil && f.unnamed:
		return nil, fmt.Errorf("%q is no number", t.text)
	case err != nil:
		return nil, fmt.Errorf("%q is no number; a name that a value has stands in quotes", t.text)
	case a.function == "" && f.width > 0 && f.width < 64 && !n.neg && n.n>>f.width != 0 && len(f.definitions) > 0 && !scaled(f):
		return nil, fmt.Errorf("%s does not fit into its %d bits", t.text, f.width)
	}
	return &literal{value{n: n}, n.text()}, nil
}

// scaled tells whether the field shows a multiple of what the header has.
func scaled(f *field) bool {
	for _, d := range f.definitions {
		if d.Scaled() {
			return true
		}
	}
	return false
}

func readFlag(t token) (*literal, error) {
	switch strings.ToLower(strings.Trim(t.text, `"`)) {
	case "1", "true", "0x1":
		return &literal{value{n: num{n: 1}}, "1"}, nil
	case "0", "false", "0x0":
		return &literal{text: "0"}, nil
	}
	return nil, errors.New("it is 1 or 0, or true or false")
}

func readState(t token) (*literal, error) {
	name := t.text
	if t.kind == quoted {
		name = t.value
	}
	for s := range decode.Checksum(len(states)) {
		if strings.EqualFold(s.String(), name) {
			return &literal{value{name: s.String(), named: true}, s.String()}, nil
		}
	}
	if n, err := parseNumber(t.text); err == nil && !n.neg && n.n <= 3 {
		return &literal{value{n: n}, n.text()}, nil
	}
	return nil, errors.New("it is good, bad, unverified, offloaded, zero or none, or 1, 0, 2 or 3")
}

// readSeconds reads seconds with at most nine digits behind the point.
func readSeconds(t token) (*literal, error) {
	wrong := errors.New("seconds are a number such as 1.5")
	if t.kind != word {
		return nil, wrong
	}
	rest, neg := strings.CutPrefix(t.text, "-")
	whole, part, _ := strings.Cut(rest, ".")
	if whole == "" || len(part) > 9 {
		return nil, wrong
	}
	sec, err := strconv.ParseUint(whole, 10, 33)
	nano, err2 := strconv.ParseUint((part + "000000000")[:9], 10, 32)
	if err != nil || err2 != nil {
		return nil, wrong
	}
	n := sec*1e9 + nano
	text := strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%09d", sec, nano), "0"), ".")
	if neg && n > 0 {
		text = "-" + text
	}
	return &literal{value{n: num{n, neg && n > 0}}, text}, nil
}

// dateLayouts are how points in time are written.
var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04",
	time.DateOnly, "Jan 2, 2006 15:04:05", "Jan 2, 2006",
}

func readInstant(t token) (*literal, error) {
	s := t.text
	if t.kind == quoted {
		s = t.value
	}
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			if y := at.UTC().Year(); y < 1700 || y > 2250 {
				break
			}
			return &literal{value{n: nanoseconds(at)}, string(appendQuoted(nil, at.UTC().Format(time.RFC3339Nano)))}, nil
		}
	}
	if l, err := readSeconds(t); err == nil {
		return l, nil
	}
	return nil, errors.New(`it is a date such as "2026-01-02 03:04:05.678", local time or with Z behind it`)
}

// families are the lengths of the addresses of fields, by their prefixes; others may have both.
var families = map[string]int{"ip": 4, "arp": 4, "ipv6": 16, "icmpv6": 16, "dhcp": 4, "dhcpv6": 16}

func readAddress(f *field, t token) (*literal, error) {
	s := t.text
	if t.kind == quoted {
		s = t.value
	}
	bits := -1
	a, err := netip.ParseAddr(s)
	text := a.String()
	if err != nil {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%s is no address and no network", t.text)
		}
		p = p.Masked()
		a, bits, text = p.Addr(), p.Bits(), p.String()
	}
	if a.Zone() != "" {
		return nil, errors.New("an address in a packet has no zone")
	}
	if want := families[prefix(f.name)]; want != 0 && want != a.BitLen()/8 {
		switch f.name {
		case "ip.addr", "ip.src", "ip.dst":
			return nil, fmt.Errorf("%s is an address of IPv6, which %s has", s, strings.Replace(f.name, "ip.", "ipv6.", 1))
		case "ipv6.addr", "ipv6.src", "ipv6.dst":
			return nil, fmt.Errorf("%s is an address of IPv4, which %s has", s, strings.Replace(f.name, "ipv6.", "ip.", 1))
		}
		return nil, fmt.Errorf("%s is an address of the other version of IP", s)
	}
	return &literal{value{b: a.AsSlice(), network: bits}, text}, nil
}

// readOctets reads bytes: text in quotes, or hexadecimal digits, two of which are a byte, with colons, dashes or points
// between, or none.
func readOctets(t token) (*literal, error) {
	if t.kind != word {
		return &literal{value{b: []byte(t.value)}, string(appendQuoted(nil, t.value))}, nil
	}
	wrong := errors.New("bytes are written as 00:00:5e, and text in quotes")
	s := strings.TrimPrefix(t.text, "0x")
	if len(s) == 1 && digit(s[0]) < 16 { // one byte
		s = "0" + s
	}
	var b []byte
	separator, group := byte(0), 0
	for i := 0; i < len(s); {
		if c := s[i]; c == ':' || c == '-' || c == '.' {
			if separator != 0 && c != separator || i == 0 || i == len(s)-1 || group == 0 {
				return nil, wrong
			}
			separator, group = c, 0
			i++
			continue
		}
		if i+1 >= len(s) || digit(s[i]) > 15 || digit(s[i+1]) > 15 || separator != 0 && group == 2 || separator == ':' && group == 1 {
			return nil, wrong
		}
		b = append(b, byte(digit(s[i])<<4|digit(s[i+1])))
		i, group = i+2, group+1
	}
	if len(b) == 0 {
		return nil, wrong
	}
	return &literal{value{b: b}, string(decode.AppendMAC(nil, b))}, nil
}

func readText(t token) (*literal, error) {
	s := t.value
	if t.kind == word {
		s = t.text
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return nil, fmt.Errorf("it cannot be compared with a number; as text, write %q", s)
		}
		if _, err := parseNumber(s); err == nil {
			return nil, fmt.Errorf("it cannot be compared with a number; as text, write %q", s)
		}
	}
	return &literal{value{b: []byte(s)}, string(appendQuoted(nil, s))}, nil
}
