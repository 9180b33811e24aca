package main

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
)

// mmdb makes a database in MaxMind's format (version 2.0) of what is said of some networks.
func mmdb(kind string, networks map[string]any) []byte {
	const none = -1
	nodes := [][2]int{{none, none}} // a record: a node above 0, none, or below none a value
	var data []byte
	for _, text := range sortedKeys(networks) {
		p := netip.MustParsePrefix(text)
		bits, length := p.Addr().As16(), p.Bits()
		if p.Addr().Is4() { // ::a.b.c.d, as the format has it
			bits = [16]byte{12: bits[12], 13: bits[13], 14: bits[14], 15: bits[15]}
			length += 96
		}
		at := 0
		for i := range length {
			side := int(bits[i/8] >> (7 - i%8) & 1)
			if i == length-1 {
				nodes[at][side] = -2 - len(data)
				break
			}
			if nodes[at][side] < 0 {
				nodes = append(nodes, [2]int{none, none})
				nodes[at][side] = len(nodes) - 1
			}
			at = nodes[at][side]
		}
		data = appendValue(data, networks[text])
	}
	var b []byte
	for _, n := range nodes {
		for _, record := range n {
			v := record
			switch {
			case record == none:
				v = len(nodes)
			case record < none:
				v = -2 - record + len(nodes) + 16
			}
			b = append(b, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	b = append(append(b, make([]byte, 16)...), data...)
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	return appendValue(b, map[string]any{"node_count": uint32(len(nodes)), "record_size": uint16(24), "ip_version": uint16(6), "database_type": kind,
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint32(1_700_000_000),
		"description": map[string]any{"en": "made by a test"}})
}

func sortedKeys(m map[string]any) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// appendValue appends a value as the data section of the format has it.
func appendValue(b []byte, v any) []byte {
	control := func(kind, size int) {
		rest := size
		switch {
		case size >= 29+256:
			rest = 30
		case size >= 29:
			rest = 29
		}
		if kind < 8 {
			b = append(b, byte(kind<<5|rest))
		} else {
			b = append(b, byte(rest), byte(kind-7))
		}
		switch rest {
		case 29:
			b = append(b, byte(size-29))
		case 30:
			b = binary.BigEndian.AppendUint16(b, uint16(size-285))
		}
	}
	switch v := v.(type) {
	case string:
		control(2, len(v))
		return append(b, v...)
	case uint16:
		control(5, 2)
		return binary.BigEndian.AppendUint16(b, v)
	case uint32:
		control(6, 4)
		return binary.BigEndian.AppendUint32(b, v)
	case map[string]any:
		control(7, len(v))
		for _, k := range sortedKeys(v) {
			b = appendValue(appendValue(b, k), v[k])
		}
		return b
	}
	panic("a kind of value that no test needs")
}

func asnFile() []byte {
	return mmdb("GeoLite2-ASN", map[string]any{
		"192.0.2.0/24":    map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example"},
		"198.51.100.0/24": map[string]any{"autonomous_system_number": uint32(64501), "autonomous_system_organization": "\x1b[31mred\u202e" + strings.Repeat("x", 300)},
		"2001:db8::/32":   map[string]any{"autonomous_system_number": uint32(64502)},
		"203.0.113.0/24":  map[string]any{"autonomous_system_number": "not a number"},
	})
}

func cityFile() []byte {
	return mmdb("GeoLite2-City", map[string]any{
		"192.0.2.0/25": map[string]any{"city": map[string]any{"names": map[string]any{"en": "Berlin", "de": "Berlin"}}, "country": map[string]any{"iso_code": "DE"}},
	})
}

func readPlaces(t *testing.T, asn, city []byte) (*places, error) {
	t.Helper()
	dir := t.TempDir()
	names := [2]string{}
	for i, b := range [][]byte{asn, city} {
		if b == nil {
			continue
		}
		names[i] = filepath.Join(dir, []string{"asn.mmdb", "city.mmdb"}[i])
		if err := os.WriteFile(names[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := &cli.Env{Stdin: bytes.NewReader(nil)}
	p, err := openPlaces(t.Context(), env, names[0], names[1])
	if err != nil {
		t.Fatal(err)
	}
	return p, p.read()
}

func TestPlaces(t *testing.T) {
	p, err := readPlaces(t, asnFile(), cityFile())
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]string{
		"192.0.2.1": "AS64500 Example, Berlin, DE", "192.0.2.200": "AS64500 Example", "::ffff:192.0.2.1": "AS64500 Example, Berlin, DE",
		"2001:db8::7%eth0": "AS64502", "10.0.0.1": "", "203.0.113.1": "", "198.51.100.1": `AS64501 \x1b[31mred\u{202e}xxxxxxxxxxxxxxxxxxxx` + "…",
	} {
		for range 2 { // the second time it is remembered
			if got := p.of(netip.MustParseAddr(a)).String(); got != want {
				t.Errorf("%s: %q, want %q", a, got, want)
			}
		}
	}
	var nobody *places
	if got := nobody.of(netip.MustParseAddr("192.0.2.1")); got != (place{}) {
		t.Error(got)
	}
}

func second[T any](_ T, err error) error { return err }

// TestPlacesNotRead: what is no database is refused, with what was wanted.
func TestPlacesNotRead(t *testing.T) {
	for _, b := range [][]byte{{}, []byte("text"), asnFile()[:40]} {
		_, err := readPlaces(t, b, nil)
		hinted, ok := err.(cli.Hinted)
		if !ok || !strings.Contains(err.Error(), "--asn: ") || !strings.Contains(hinted.Hint(), "GeoLite2-ASN.mmdb") {
			t.Errorf("%.10q: %v", b, err)
		}
	}
	// One for the other flag would be silent about every address.
	for flag, err := range map[string]error{"--asn": second(readPlaces(t, cityFile(), nil)), "--city": second(readPlaces(t, nil, asnFile()))} {
		if hinted, ok := err.(cli.Hinted); !ok || !strings.HasPrefix(err.Error(), flag+": ") || !strings.Contains(hinted.Hint(), "this one is for --") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if _, err := openPlaces(t.Context(), &cli.Env{}, "", filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "--city: ") {
		t.Error(err)
	}
}

// TestPlacesDamaged turns every byte of a file in several ways: none ends the process.
func TestPlacesDamaged(t *testing.T) {
	whole := asnFile()
	for at := range whole {
		for _, turn := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[at] ^= turn
			lookIn(b)
		}
		lookIn(whole[:at])
	}
}

func lookIn(b []byte) {
	r, err := openDatabase(b)
	if err != nil {
		return
	}
	p := &places{asn: r, city: r, known: make(map[netip.Addr]place)}
	for _, a := range []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "255.255.255.255", "::"} {
		_ = p.of(netip.MustParseAddr(a)).String()
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add(asnFile())
	f.Add(cityFile())
	f.Fuzz(func(t *testing.T, b []byte) { lookIn(b) })
}
