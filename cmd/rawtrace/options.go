package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
)

// options are the flags as they are typed.
type options struct {
	four, six                  bool
	source, device             string
	udp, icmp, tcp, dccp, sctp bool
	port                       int
	first, last, probes        int
	wait                       time.Duration
	rate                       cli.Rate
	size                       int
	tos, dscp, flowLabel       string
	sport                      int
	unprivileged               bool
	files                      []string
	paths, dot, mtu            bool
	confidence                 float64
	far, probeInterface        string
	unmeasured                 bool
	watch                      bool
	decide                     time.Duration
	count                      int
	interval                   time.Duration
	names, numeric             bool
	asn, city                  string
	verbose, summary, json     bool
	metrics                    string
}

func (o *options) define(c *cli.Command) {
	f := c.Flags
	f.BoolVarP(&o.udp, "udp", "U", false, "probe with UDP; the default")
	f.BoolVarP(&o.icmp, "icmp", "I", false, "probe with ICMP echoes")
	f.BoolVarP(&o.tcp, "tcp", "T", false, "probe with TCP SYN to port 80; no connection is left half open")
	f.BoolVarP(&o.dccp, "dccp", "D", false, "probe with DCCP requests to port 33434")
	f.BoolVar(&o.sctp, "sctp", false, "probe with SCTP INIT to port 80")
	f.IntVarP(&o.port, "port", "p", 0, "port `N` of the host to probe, 1 to 65535; the same for all probes")
	f.IntVarP(&o.first, "first", "f", 1, "begin at hop `N`")
	f.IntVarP(&o.last, "max-hops", "m", 30, "go no further than hop `N`, at most 255")
	f.IntVarP(&o.probes, "probes", "q", 3, "send `N` probes to each hop, or to each with --watch every round, 1 to 1000")
	cli.DurationVar(f, &o.wait, "wait", "w", time.Second, "an answer after `TIME` is none")
	f.Var(&o.rate, "rate", "send at most at this `RATE` to all hops and hosts together, such as 500pps")
	f.IntVar(&o.size, "size", 0, "packets of `N` bytes, from the IP header on; default 60")
	f.StringVarP(&o.tos, "tos", "t", "", "type of service or traffic class `N`, such as 0xb8")
	f.StringVar(&o.dscp, "dscp", "", "DSCP `N` or its name, such as 46, EF, AF41 or CS5")
	f.StringVarP(&o.flowLabel, "flow-label", "l", "", "IPv6 flow label `N`")
	f.StringVarP(&o.source, "source", "s", "", "send from this `ADDR`")
	f.StringVarP(&o.device, "device", "i", "", "send on this `INTERFACE`")
	f.BoolVarP(&o.four, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&o.six, "ipv6", "6", false, "use IPv6 only")
	f.StringArrayVar(&o.files, "file", nil, "read hosts from `FILE`, one a line; - is standard input")
	f.BoolVar(&o.unprivileged, "unprivileged", false, "use no raw socket, even where one may be opened")

	f.BoolVar(&o.mtu, "mtu", false, "find the MTU of the path, the hop that sets it, and where large packets vanish")
	f.BoolVar(&o.paths, "paths", false, "find every path to the host, and the loss, the time and the MTU of each edge")
	f.BoolVar(&o.unmeasured, "no-measure", false, "with --paths: leave out loss, times and MTU, which take some seconds")
	f.BoolVar(&o.dot, "dot", false, "print the paths for Graphviz; it implies --paths")
	f.IntVar(&o.sport, "sport", 0, "probe from port `N`, or of ICMP with this identifier: where a path splits, others take other branches")
	f.StringVar(&o.far, "far", "", "count what is lost there and on the way back, and list the hops of the way back, with dgperf serve at `PORT` of the host, 7207 unless told")
	f.Lookup("far").NoOptDefVal = defaultFar
	f.StringVar(&o.probeInterface, "probe-interface", "", "ask each hop after an interface of it: its `NAME`, index or address (RFC 8335)")
	f.BoolVar(&o.watch, "watch", false, "go on until interrupted: a live table on a terminal, else a line a round; with --mtu, --far and --paths these again and again")
	cli.DurationVar(f, &o.decide, "decide", "", 0, "ask on, often and seldom, until it is clear which loss is real, for `TIME` at most; 2m unless told")
	f.Lookup("decide").NoOptDefVal = "2m"
	f.Float64Var(&o.confidence, "confidence", 0, "be so sure, in `PERCENT`, 50 to 99.9999; without it 99.9 of verdicts, and 99 of --paths")
	f.IntVarP(&o.count, "count", "c", 0, "watch for `N` rounds")
	cli.DurationVar(f, &o.interval, "interval", "", time.Second, "a round each `TIME`, at least 100ms; with --paths 10s unless told")

	f.BoolVar(&o.names, "names", false, "ask the name server for the names of the hops")
	f.BoolVarP(&o.numeric, "numeric", "n", false, "print addresses only, not the names given; nothing is looked up without --names anyway")
	f.StringVar(&o.asn, "asn", "", "print autonomous systems, from this MaxMind `FILE`")
	f.StringVar(&o.city, "city", "", "print places, from this MaxMind `FILE`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print more: where the time of each answer went, and the evidence of each verdict")
	f.BoolVar(&o.summary, "summary", false, "print only the sentence at the end, one for each host")
	f.BoolVar(&o.json, "json", false, "print JSON Lines")
	f.StringVar(&o.metrics, "metrics", "", "metrics for Prometheus: at `ADDR`, such as 127.0.0.1:9100, in a file such as path/x.prom, or - for standard output")
}

// protocol is what is sent.
type protocol struct {
	name string // as JSON has it
	port int    // unless told
}

var protocols = []struct {
	protocol
	chosen func(o *options) bool
}{
	{protocol{"udp", 33434}, func(o *options) bool { return o.udp }},
	{protocol{"icmp", 0}, func(o *options) bool { return o.icmp }},
	{protocol{"tcp", 80}, func(o *options) bool { return o.tcp }},
	{protocol{"dccp", 33434}, func(o *options) bool { return o.dccp }},
	{protocol{"sctp", 80}, func(o *options) bool { return o.sctp }},
}

// plan is what the flags mean.
type plan struct {
	protocol   protocol
	family     int
	source     netip.Addr
	tos        uint8
	flowLabel  uint32
	metrics    metricsTarget
	confidence float64 // 0 to 1
	changed    func(flag string) bool
	args       []string
}

func (o *options) plan(args []string, changed func(string) bool) (*plan, error) {
	p := &plan{args: args, changed: changed, confidence: o.confidence / 100}
	if len(args) == 0 && len(o.files) == 0 {
		return nil, cli.Usagef("which host?")
	}
	if o.dot {
		o.paths = true
	}
	if o.count > 0 || changed("interval") {
		o.watch = o.watch || changed("count")
	}
	for _, step := range []func(*plan) error{o.checkHosts, o.checkWords, o.checkNumbers, o.checkTogether,
		o.planProtocol, o.planFamily, o.planMarks, o.planOutput} {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// checkHosts refuses what is surely meant to be something else than a host.
func (o *options) checkHosts(p *plan) error {
	for i, arg := range p.args {
		base, bits, slash := strings.Cut(arg, "/")
		n, err := strconv.Atoi(bits)
		switch size, notNumber := strconv.ParseUint(arg, 10, 24); {
		case notNumber == nil && size > 0 && i > 0:
			return cli.WithHint(fmt.Errorf("%d is a number, not a host", size), "traceroute's length of packets is --size %d", size)
		case notNumber == nil && size > 0:
			return cli.WithHint(fmt.Errorf("%d is a number, not a host", size), "which flag is it for? see rawtrace --help")
		case slash && err == nil && n >= 0 && n <= 128 && base != "":
			return cli.WithHint(fmt.Errorf("%s is a network, not a host", arg), "give the hosts, or a file of them with --file")
		case arg == "":
			return cli.Usagef("an empty word is no host")
		}
	}
	return nil
}

// checkWords refuses flags that are given an empty word: a variable of a script that is not set must not turn them off.
func (o *options) checkWords(p *plan) error {
	for _, f := range []struct{ name, value string }{{"source", o.source}, {"dscp", o.dscp},
		{"probe-interface", o.probeInterface}, {"metrics", o.metrics}} {
		if f.value == "" && p.changed(f.name) {
			return cli.Usagef("--%s has an empty value", f.name)
		}
	}
	return nil
}

func (o *options) checkNumbers(p *plan) error {
	switch {
	case o.first < 1 || o.first > 255:
		return cli.Usagef("--first is 1 to 255, not %d", o.first)
	case o.last < 1 || o.last > 255:
		return cli.Usagef("--max-hops is 1 to 255, not %d", o.last)
	case o.first > o.last:
		return cli.Usagef("--first %d comes after --max-hops %d", o.first, o.last)
	case o.probes < 1 || o.probes > 1000:
		return cli.Usagef("--probes is 1 to 1000, not %d", o.probes)
	case o.wait < time.Millisecond || o.wait > time.Minute:
		return cli.Usagef("--wait is 1ms to 1m, not %v", o.wait)
	case p.changed("port") && (o.port < 1 || o.port > 65535):
		return cli.Usagef("--port is 1 to 65535, not %d", o.port)
	case p.changed("size") && (o.size < 28 || o.size > 65535):
		return cli.Usagef("--size is 28 to 65535, not %d", o.size)
	case p.changed("sport") && (o.sport < 1 || o.sport > 65535):
		return cli.Usagef("--sport is 1 to 65535, not %d", o.sport)
	case o.paths && o.sport > 65536-flowsMost:
		return cli.Usagef("--sport is at most %d with --paths, which takes the %d ports from there on", 65536-flowsMost, flowsMost)
	case o.rate.Bits > 0:
		return cli.Usagef("--rate is of packets, such as 500pps, not of bits")
	case p.changed("count") && (o.count < 1 || o.count > 1<<31-1):
		return cli.Usagef("--count is at least 1, not %d", o.count)
	case p.changed("confidence") && !(o.confidence >= 50 && o.confidence <= 99.9999):
		return cli.Usagef("--confidence is 50 to 99.9999, not %v", o.confidence)
	case p.changed("decide") && (o.decide < time.Second || o.decide > 24*time.Hour):
		return cli.Usagef("--decide is 1s to 24h, not %v", o.decide)
	case o.interval < 100*time.Millisecond:
		return cli.Usagef("--interval is at least 100ms, not %v", o.interval)
	}
	return nil
}

// checkTogether refuses flags that contradict each other.
func (o *options) checkTogether(p *plan) error {
	if o.four && o.six {
		return cli.Usagef("--ipv4 and --ipv6 exclude each other")
	}
	outputs := map[string]bool{"json": o.json, "dot": o.dot, "metrics -": o.metrics == "-", "summary": o.summary}
	var given []string
	for _, name := range []string{"json", "dot", "metrics -", "summary"} {
		if outputs[name] {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return cli.Usagef("%s exclude each other", strings.Join(given, " and "))
	}
	if o.unmeasured && !o.paths {
		return cli.Usagef("--no-measure is for --paths")
	}
	if o.probeInterface != "" && o.watch {
		return cli.WithHint(errors.New("--probe-interface asks each hop once, and --watch goes on"), "leave --watch out")
	}
	if o.probeInterface != "" && o.paths {
		return cli.WithHint(errors.New("--probe-interface asks the hops of one path, and --paths finds all"), "leave --paths out; --sport chooses another path")
	}
	if o.metrics != "" && o.paths {
		return cli.WithHint(errors.New("--metrics counts the hops of one path, and --paths finds all"), "leave --paths out; --paths --json has loss, times and MTU of each edge")
	}
	if o.unmeasured && o.decide > 0 {
		return cli.WithHint(errors.New("--decide is about loss, and --no-measure leaves it out"), "leave one of them out")
	}
	if o.dot && o.watch {
		return cli.WithHint(errors.New("--dot is one drawing, and --watch goes on"), "watch with --paths, or draw with --dot once it has changed")
	}
	if !o.watch && p.changed("interval") {
		return cli.WithHint(errors.New("--interval is of rounds"), "add --watch")
	}
	if p.changed("tos") && p.changed("dscp") {
		return cli.Usagef("--tos and --dscp exclude each other: DSCP is the upper six bits of it")
	}
	return nil
}

func (o *options) planProtocol(p *plan) error {
	p.protocol = protocols[0].protocol
	var chosen []string
	for _, c := range protocols {
		if c.chosen(o) {
			p.protocol = c.protocol
			chosen = append(chosen, "--"+c.name)
		}
	}
	if len(chosen) > 1 {
		return cli.Usagef("%s exclude each other", strings.Join(chosen, " and "))
	}
	if p.protocol.name == "icmp" && p.changed("port") {
		return cli.WithHint(errors.New("--port: ICMP has no ports"), "choose --udp or --tcp")
	}
	if o.port > 0 {
		p.protocol.port = o.port
	}
	return nil
}

func (o *options) planFamily(p *plan) error {
	switch {
	case o.four:
		p.family = 4
	case o.six:
		p.family = 6
	}
	if o.device != "" {
		if _, err := net.InterfaceByName(o.device); err != nil {
			err := fmt.Errorf("--device: there is no interface %q", o.device)
			if _, number := cli.ParseDuration(o.device); number == nil {
				return cli.WithHint(err, "%s", elsewhere["i"])
			}
			return err
		}
	}
	if o.source == "" {
		return nil
	}
	a, err := netip.ParseAddr(o.source)
	if err != nil {
		if _, sizeErr := strconv.Atoi(o.source); sizeErr == nil {
			return cli.WithHint(fmt.Errorf("--source %q is no address", o.source), "%s", elsewhere["s"])
		}
		return cli.Usagef("--source %q is no address", o.source)
	}
	p.source = a.Unmap()
	if p.family == 4 && p.source.Is6() || p.family == 6 && p.source.Is4() {
		return cli.Usagef("--source %v is not of family IPv%d", a, p.family)
	}
	return nil
}

func (o *options) planMarks(p *plan) error {
	tos, err := cli.Number("tos", o.tos, 255)
	if err != nil {
		return err
	}
	p.tos = uint8(tos)
	if o.dscp != "" {
		if p.tos, err = parseDSCP(o.dscp); err != nil {
			return err
		}
	}
	label, err := cli.Number("flow-label", o.flowLabel, 0xfffff)
	if err != nil {
		return err
	}
	if p.flowLabel = uint32(label); label > 0 {
		if o.four {
			return cli.Usagef("--flow-label: IPv4 has none")
		}
		p.family = 6
	}
	return nil
}

// parseDSCP reads a DSCP by number or by name (RFC 2474, RFC 2597, RFC 3246, RFC 5865, RFC 8622) and returns the
// traffic class.
func parseDSCP(s string) (uint8, error) {
	names := map[string]uint8{"EF": 46, "VOICE-ADMIT": 44, "VA": 44, "LE": 1, "DF": 0, "BE": 0}
	upper := strings.ToUpper(s)
	n, ok := names[upper]
	if !ok && len(upper) == 3 && upper[:2] == "CS" && upper[2] >= '0' && upper[2] <= '7' {
		n, ok = (upper[2]-'0')<<3, true
	}
	if !ok && len(upper) == 4 && upper[:2] == "AF" && upper[2] >= '1' && upper[2] <= '4' && upper[3] >= '1' && upper[3] <= '3' {
		n, ok = (upper[2]-'0')<<3|(upper[3]-'0')<<1, true
	}
	if !ok {
		v, err := strconv.ParseUint(s, 0, 6)
		if err != nil {
			return 0, cli.Usagef("--dscp %q is no number from 0 to 63 and none of EF, AF11 to AF43, CS0 to CS7, VA, LE, DF", s)
		}
		n = uint8(v)
	}
	return n << 2, nil
}

func (o *options) planOutput(p *plan) (err error) {
	p.metrics, err = parseMetricsTarget(o.metrics)
	if err != nil {
		return err
	}
	if o.far != "" {
		if _, err := parseFar(o.far); err != nil {
			return err
		}
	}
	for _, file := range o.files {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			return cli.Usagef("--file %s is a directory", file)
		}
	}
	return nil
}
