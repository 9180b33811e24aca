package main

import (
	"fmt"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/packet"
)

const languageHead = `An expression is layers joined by /, the outermost first. A layer is a name and, in braces, its fields:

  ip{dst=192.0.2.1, ttl=1..30} / udp{sport=rand, dport=53,123} / hex{0001 0203}

What is left out is computed: lengths, checksums, protocol numbers, source addresses. What is given is sent as it is.

Values:

  53, 0x35, 0b110101, SA     a number; TCP flags by letters; names of numbers
  192.0.2.1, 2001:db8::1     an address
  02:00:00:00:00:01          an Ethernet address
  53,123                     each in turn
  1..30, 0..100 by 10        each of a range
  192.0.2.0/24               each address of a prefix
  rand, rand 1024..65535     a new random value for each packet
  seq, seq 100 10            counting up, from a start, in steps
  from FILE                  each line of a file
  auto                       computed
  0a0b, "text"               bytes
  [a, b]                     a list

Several values make all combinations. Those with the same @name go in step: ttl=1..3@a, dport=10..12@a.

Layers and their fields:
`

// languageTopic describes the expression language, the layers and options as package packet knows them.
func languageTopic() cli.Topic {
	var b strings.Builder
	b.WriteString(languageHead)
	fields, options := packet.Fields(), packet.Options()
	for _, name := range packet.Layers() {
		b.WriteString(row(name, fields[name]))
	}
	b.WriteString(`
Payloads: hex{0001 02}, text{hello\n}, file{PATH}, lines{PATH} (one line for each packet), random{1400}, zero{20},
pattern{abcd, 1..100}.

frag{mtu=1280} behind ip or ip6 cuts what follows into fragments.

Options, in the list options=[mss{1460}, nop]. One with parts names them, as in ts{val=1, ecr=0}:

`)
	for _, name := range packet.Layers() {
		if options[name] != nil {
			b.WriteString(row(name, options[name]))
		}
	}
	b.WriteString(`
In the lists of dns: qd=[q{name type class}], and an, ns and ar have rr{name type class ttl len}, with one of addr, target,
text and data. In icmp and icmp6 ext has mpls{label tc s ttl}, iface{role ifindex addr name mtu} and obj{class ctype len data};
in icmp6 and igmp records has rec{type group sources nsrc auxlen aux}.`)
	return cli.Topic{Name: "layers", Short: "The language, its layers, fields and options", Text: b.String()}
}

// row writes a name and words beside it, in lines of less than 80 columns.
func row(name string, words []string) string {
	const indent, width = 14, 78
	line := fmt.Sprintf("  %-*s", indent-2, name)
	var b strings.Builder
	for i, w := range words {
		if i > 0 && len(line)+1+len(w) > width {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", indent)
		}
		if !strings.HasSuffix(line, " ") {
			line += " "
		}
		line += w
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
