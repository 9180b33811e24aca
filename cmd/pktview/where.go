package main

import (
	"net/netip"
	"time"

	"golang.org/x/net/bpf"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/gopackets"
	"sockwire/capture/filter"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// checkWhere reads the expression of --where, and the filter that it allows to put before decoding.
func (o *options) checkWhere() error {
	if o.whereText == "" {
		return nil
	}
	var err error
	if o.where, err = where.Parse(o.whereText); err != nil {
		return inFlag("--where", err)
	}
	switch {
	case o.info || o.dump > 0 || o.list:
		return cli.Usagef("--where chooses packets: give it without --info, -d and -D")
	case o.streams || o.followText != "" || o.extract != "" || o.report != "" || o.parts["tcp"]:
		return cli.Usagef("--where chooses packets that are printed, written or counted: give it without --streams, --follow, --extract, --report and --stats tcp, " +
			"or write the packets first with -w")
	case o.drops && o.stats == "drops", o.stats == "drops":
		return cli.Usagef("--stats drops counts by reasons: give it without --where")
	}
	if len(o.ports) > 0 || o.where.Needs().Place && len(o.read) == 0 {
		return nil // what is on a port is another thing then; and a packet that the kernel leaves out has no number
	}
	if text := o.where.Prefilter(o.analyses()); text != "" {
		if o.before, err = filter.Parse(text); err != nil {
			o.before = nil // it is too large: all is decoded
		}
	}
	return nil
}

// joinsMessages tells whether --where asks for what may lie in several packets of a stream.
func (o *options) joinsMessages() bool {
	return o.where != nil && !o.drops && o.where.Needs().Messages && o.reassemble
}

// numbersAll tells whether packets that --where leaves out are numbered too, as the lines and columns have it.
func (o *options) numbersAll() bool {
	return o.prints() && (len(o.columns) == 0 || decode.NeedHistory(o.columns))
}

// expressionOf is what a capture is asked for: the EXPRESSION, and what --where allows to say in its language.
func (o *options) expressionOf() capture.Expression {
	if o.before == nil {
		return o.filter
	}
	narrow := o.before
	if o.filter != nil {
		var err error
		if narrow, err = filter.Parse("(" + o.before.String() + ") and (" + o.expression + "\n)"); err != nil {
			return o.filter // anywhere: stands for the whole of it
		}
	}
	return &narrowed{narrow, o.filter}
}

// narrowed is an expression, narrower where the link type takes it.
type narrowed struct{ narrow, wide *filter.Filter }

func (n *narrowed) CompileLive(link capture.LinkType, snaplen int, netmask netip.Addr) ([]bpf.RawInstruction, error) {
	if p, err := n.narrow.CompileLive(link, snaplen, netmask); err == nil {
		return p, nil
	}
	return n.wide.CompileLive(link, snaplen, netmask)
}

func (n *narrowed) Text() string { return n.wide.Text() }

// clock numbers packets, and says how long after others they came.
type clock struct {
	number          uint64
	first, previous time.Time
}

// next returns the place of a packet that came at a time.
func (c *clock) next(at time.Time) where.Place {
	c.number++
	p := where.Place{Number: c.number}
	if at.IsZero() {
		return p
	}
	if c.first.IsZero() {
		c.first, c.previous = at, at
	}
	p.SinceFirst, p.SincePrevious = at.Sub(c.first), at.Sub(c.previous)
	c.previous = at
	return p
}

// newChooser returns what decides by --where, nil without it.
func (o *options) newChooser() *where.Matcher {
	if o.where == nil {
		return nil
	}
	return o.where.Matcher(gopackets.Renderer{})
}

// appendWhere adds what each part of --where gave on the packet that was matched last.
func appendWhere(b []byte, m *where.Matcher) []byte {
	b = append(b, "    --where\n"...)
	for _, line := range m.Why() {
		b = append(append(append(b, "      "...), line...), '\n')
	}
	return b
}

// explainWhere says what --where asks for, and what of it goes before decoding.
func (o *options) explainWhere(env *cli.Env) {
	env.Stdout.Printf("--where: %s\n", o.where)
	if o.before == nil {
		env.Stdout.Printf("\nnothing of it can be asked of a filter before decoding\n")
		return
	}
	env.Stdout.Printf("\neach packet that matches passes this filter, which the kernel gets, and files where what is left out has no number:\n  %s\n", o.before)
}

// whereTopic says what --where takes.
func whereTopic() cli.Topic {
	return cli.Topic{Name: "where", Short: "What --where can choose", Text: "--where chooses packets by their decoded fields, in the language of Wireshark's display filters. " +
		"Fields have the names that --fields has; --fields list names all, and a name of a protocol means that a packet has it.\n\n" +
		"  ==  !=  <  <=  >  >=   or eq ne lt le gt ge; of several values one must fit, with != all must differ\n" +
		"  === ~=                 all must be equal; one must differ. any and all in front of a field say it too\n" +
		"  contains, matches      text or bytes that are in it; a regular expression, in which case does not count\n" +
		"  in {1, 5..9}           one of these; not in\n" +
		"  tcp.flags & 0x12       some bits of a number\n" +
		"  eth.src[0:3]           a part of bytes or text: [offset:length], [first-last], [index]\n" +
		"  len() count() lower() upper() string()\n" +
		"  not, and, or           or !, &&, ||; and parentheses\n\n" +
		"Values are numbers, addresses and networks (192.0.2.0/24), bytes (00:00:5e), text in quotes, names of values in quotes " +
		"(ip.proto == \"TCP\"), and times: seconds, or for frame.time \"2026-01-02 03:04:05\".\n\n" +
		"A message of HTTP, TLS or DNS that lies in several packets counts for the one that completes it. " +
		"What can be said of it in the language of pcap-filter(7) goes to the kernel: --explain shows it.\n\n" +
		"  pktview -r trace.pcap --where 'tcp.flags.reset == 1 and ip.ttl < 64'\n" +
		"  pktview -r trace.pcap --where 'dns.qry.name contains \"example\"' -w dns.pcap"}
}
