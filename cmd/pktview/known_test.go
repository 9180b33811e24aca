package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/decode/gopackets"
	"sockwire/capture/golden"
	"sockwire/raw/packet"
)

// crafted are the names that rawsend has for layers that are called otherwise here.
var crafted = map[string]string{"ipv6": "ip6", "icmpv6": "icmp6", "ipv6.hopopts": "hopopts", "ipv6.dstopts": "dstopts", "ipv6.routing": "rh",
	"ipv6.fraghdr": "frag", "mipv6": "mobility", "icmp.ext": ""}

// knownTable is what the README says of how well each protocol is known, made from the registry.
func knownTable() string {
	count := func(t decode.Type) (n int) {
		for _, d := range decode.Definitions() {
			if strings.HasPrefix(d.Key, t.String()+".") {
				n++
			}
		}
		return n
	}
	types := decode.AllTypes()
	slices.SortFunc(types, func(a, b decode.Type) int { return strings.Compare(a.String(), b.String()) })
	var b strings.Builder
	b.WriteString("| protocol | | told by | fields | stream | crafted |\n|---|---|---|---|---|---|\n")
	for _, t := range types {
		if t == decode.TypePayload {
			continue
		}
		line, has := app.Shows(t)
		depth := "named"
		n := count(t)
		switch {
		case t < decode.TypeDNS && n > 0, has && n > 0:
			depth = fmt.Sprint(n)
		case t < decode.TypeDNS, has:
			depth = "yes"
		case gopackets.Shows(t):
			depth = fmt.Sprintf("%d, by gopacket", n)
		case line:
			depth = "line"
		}
		stream := ""
		if t.Framed() || t == decode.TypeTLS || t == decode.TypeHTTP {
			stream = "yes"
		}
		name, other := crafted[t.String()]
		if !other {
			name = t.String()
		}
		made := ""
		if _, err := packet.Parse(name); name != "" && err == nil {
			made = "`" + name + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", t, t.Title(), t.Told(), depth, stream, made)
	}
	return b.String()
}

// TestKnown keeps the table of the README what the registry is; -update writes it anew.
func TestKnown(t *testing.T) {
	const file, begin, end = "README.md", "<!-- known: go test ./cmd/pktview -run Known -update -->\n", "<!-- end of known -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	golden.Check(t, file, before+begin+knownTable()+end+after)
}
