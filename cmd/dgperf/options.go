package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/report/plot"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram"
	"sockwire/dgram/perf"
)

const defaultPort = "7207"

// options are the flags and arguments, checked before a socket is opened.
type options struct {
	socket datagram.Socket

	rate      cli.Rate
	interval  time.Duration
	duration  time.Duration
	count     uint64
	size      string
	pattern   string
	flows     int
	down      bool
	both      bool
	requests  bool
	timeout   time.Duration
	mtu       bool
	protocol  string
	noOffload bool
	drops     bool
	settle    time.Duration
	window    int
	histogram bool
	json      bool
	quiet     bool
	watch     bool
	report    string
	compare   string
	verbose   bool

	maxSessions, maxPerPeer int
	maxRate, hopRate        cli.Rate
	echo, noForeign         bool

	serve   bool
	limited bool // --time was given
	address datagram.Address
	config  *dgram.Config
	load    perf.Load
}

func newCommand(o *options) *cli.Command {
	c := cli.New("dgperf", "measure a datagram path, every packet accounted for")
	c.Usage = []string{"serve [flags] [ADDRESS]", "[flags] HOST[:PORT]"}
	c.Words = []cli.Word{{Name: "serve", Short: "answer clients; ADDRESS is :" + defaultPort + " unless told"}}
	c.Long = "Run dgperf serve on one host and dgperf HOST on the other. Every datagram has a number, a time and a digest. The sum says how many were " +
		"sent, how many arrived, and what became of the rest: refused by the sending host, no room in the receive buffer, a wrong checksum, " +
		"an ICMP error, damage, or lost in the network. -v adds what came twice, late or in another order, and where delays arose. " +
		"All of it is UDP, and any datagram may be lost.\n\n" +
		"One-way delay is shown where both ends have one clock or synchronised ones; otherwise how much it varies. Round-trip times are " +
		"measured from when a request was due, so a stalled sender hides nothing.\n\n" +
		"The server also answers sockperf (ping-pong), iperf2 (UDP), STAMP (RFC 8762) and what begins with \"echo\", never with more bytes than it got."
	c.Examples = []cli.Example{
		{Line: "dgperf serve", Text: "Answer on port " + defaultPort + " of all addresses."},
		{Line: "dgperf 192.0.2.7", Text: "1 Mbit/s for ten seconds."},
		{Line: "dgperf --rate 0 --size 64 192.0.2.7", Text: "As fast as possible, small datagrams."},
		{Line: "dgperf --both --rate 10kpps --pattern poisson 192.0.2.7", Text: "Both directions at once."},
		{Line: "dgperf --requests -c 10000 192.0.2.7", Text: "Round-trip times, one request at a time."},
		{Line: "dgperf --watch --rate 10Mbps 192.0.2.7", Text: "A screen that shows rate, loss and delay as it runs."},
		{Line: "dgperf --requests --rate 1kpps --report now.html 192.0.2.7", Text: "Draw the rates, the round trips and what was lost."},
		{Line: "dgperf --mtu 192.0.2.7", Text: "Find the path's MTU."},
		{Line: "dgperf --protocol iperf2 --rate 10Mbps 192.0.2.7:5001", Text: "Send to an iperf2 server and show what it reports."},
	}
	c.Privilege = "None. With cap_net_admin buffers may exceed net.core.rmem_max; the granted size is shown. --drops needs root, or CAP_BPF and CAP_PERFMON."
	c.ExitStatus = "no server answered, it went away in the middle, or nothing arrived"
	c.Elsewhere = elsewhere
	f := c.Flags
	o.rate = cli.Rate{Bits: 1e6}
	f.VarP(rateFlag{&o.rate}, "rate", "r", "send at `RATE` for each flow: 10Mbps of payload, or 50kpps (datagrams); 0 is as fast as possible")
	cli.DurationVar(f, &o.duration, "time", "T", 10*time.Second, "send for `TIME`; serve: end after it, if it is given")
	f.Uint64VarP(&o.count, "count", "c", 0, "send `N` datagrams on each flow, however long it takes")
	f.StringVarP(&o.size, "size", "s", "1400", "bytes of payload: `N`, a list N,N,…, a sweep N..N/STEP, or imix")
	c.Values("pattern", "constant", "poisson", "burst=", "isochronous=")
	c.Values("protocol", "dgperf", "iperf2")
	f.StringVar(&o.pattern, "pattern", "constant", "`PATTERN`: constant, poisson, burst=N (at once) or isochronous=N (frames a second)")
	f.IntVarP(&o.flows, "flows", "P", 1, "`N` flows, each with a socket of its own at both ends")
	f.BoolVarP(&o.down, "down", "R", false, "the server sends, not the client")
	f.BoolVar(&o.both, "both", false, "both send at once")
	f.BoolVar(&o.requests, "requests", false, "ask and be answered: round-trip times; without --rate, one at a time")
	cli.DurationVar(f, &o.timeout, "timeout", "W", 0, "one request at a time: wait `TIME` for its reply; 0 is a second, or two round trips")
	f.BoolVar(&o.mtu, "mtu", false, "find the largest datagram that passes unfragmented")
	f.StringVar(&o.protocol, "protocol", "dgperf", "speak `NAME`: dgperf or iperf2 (to a real iperf2 server)")
	f.BoolVar(&o.drops, "drops", false, "say too what this host's kernel dropped of the packets, and why; needs root, or CAP_BPF and CAP_PERFMON")
	f.BoolVar(&o.noOffload, "no-offload", false, "send each datagram on its own, not many at once for the kernel or device to cut (UDP_SEGMENT)")
	cli.DurationVar(f, &o.settle, "settle", "", 250*time.Millisecond, "accounts are final when nothing has come for `TIME`")
	f.IntVar(&o.window, "window", 0, "look back over `N` numbers for late ones; 0 is about a million")
	f.BoolVar(&o.histogram, "histogram", false, "with --requests: show the distribution of round-trip times")
	f.BoolVar(&o.json, "json", false, "JSON Lines: a record each second, one for each flow, a summary")
	cli.DurationVar(f, &o.interval, "interval", "i", time.Second, "a line each `TIME`")
	f.BoolVar(&o.watch, "watch", false, "a screen with the rate, the loss and the delay as it runs; lines where there is no terminal")
	f.StringVar(&o.report, "report", "", "draw rates, round trips and losses by cause as the page `FILE`.html, or as drawings in a folder, DIR/")
	f.StringVar(&o.compare, "compare", "", "with --report: draw the run that --json (with --histogram) wrote to `FILE` beside, and say whether they differ by more than noise")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "the summary only")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "everything that was measured")
	f.IntVar(&o.maxSessions, "max-sessions", 256, "serve: at most `N` flows at a time")
	f.IntVar(&o.maxPerPeer, "max-per-peer", 64, "serve: at most `N` flows of one IPv4 address or IPv6 prefix of 64 bits")
	f.Var(&o.maxRate, "max-rate", "serve: send streams of at most `RATE` datagrams a second, a tenth of them at once")
	o.hopRate = cli.Rate{Packets: 2000}
	f.Var(rateFlag{&o.hopRate}, "hop-rate", "serve: send at most `RATE` datagrams for clients that list the hops of the way back (rawtrace --far); 0 for none")
	f.BoolVar(&o.echo, "echo", false, "serve: send everything back that is not understood")
	f.BoolVar(&o.noForeign, "no-foreign", false, "serve: answer dgperf only")
	o.socket.AddLongFlags(c)
	f.BoolP("udp", "u", true, "as all here is")
	f.Lookup("udp").Hidden = true
	return c
}

// elsewhere has flags of iperf, iperf3, sockperf and irtt.
var elsewhere = map[string]string{
	"t": "a time is -T TIME or --time TIME; a time to live is --ttl N", "b": "a rate is -r RATE, such as -r 10Mbps; broadcast addresses need --broadcast",
	"bandwidth": "it is --rate RATE", "bitrate": "it is --rate RATE", "p": "the port goes with the host: HOST:PORT, or serve :PORT",
	"port": "the port goes with the host: HOST:PORT, or serve :PORT", "l": "a size is -s N or --size N", "length": "it is --size N", "len": "it is --size N",
	"s": "-s is the size of a datagram; a server is dgperf serve", "server": "a server is dgperf serve", "c": "-c is a count; the server's name stands alone: dgperf HOST",
	"client": "the server's name stands alone: dgperf HOST", "n": "-c N or --count N is a number of datagrams", "num": "it is --count N, of datagrams",
	"bytes": "--count N is a number of datagrams", "k": "a number of datagrams is -c N", "blockcount": "it is --count N", "J": "it is --json", "w": "it is --rcvbuf SIZE and --sndbuf SIZE",
	"window-size": "it is --rcvbuf SIZE and --sndbuf SIZE", "V": "it is -v or --verbose", "d": "both directions are --both; a time is -T TIME",
	"dualtest": "it is --both", "bidir": "it is --both", "reverse": "it is --down, or -R", "parallel": "it is --flows N, or -P N", "S": "it is --tos N",
	"M": "it is --size N, and --mtu finds the largest that passes", "mss": "it is --size N", "dont-fragment": "it is --df do", "D": "a server in the background: dgperf serve &",
	"daemon": "a server in the background: dgperf serve &", "B": "it is --interface INTERFACE", "bind": "it is --interface INTERFACE", "bind-dev": "it is --interface INTERFACE",
	"mps": "it is --rate Npps", "msg-size": "it is --size N", "e": "it is -v or --verbose", "duration": "it is --time TIME",
}

// rateFlag is a rate that may be 0, for no limit. It needs a unit: who is used to iperf means bits by a bare number,
// others datagrams.
type rateFlag struct{ *cli.Rate }

func (r rateFlag) Set(s string) error {
	if s == "0" {
		*r.Rate = cli.Rate{}
		return nil
	}
	v, err := cli.ParseRate(s)
	if err != nil {
		return err
	}
	if strings.Trim(s[len(s)-1:], "0123456789.kKMG") == "" {
		return fmt.Errorf("%q has no unit; write %sbps for bits a second, %spps for datagrams", s, s, s)
	}
	*r.Rate = v
	return nil
}

func (o *options) check(c *cli.Command, args []string) (err error) {
	if len(args) > 0 && args[0] == "serve" {
		o.serve = true
		args = args[1:]
		if len(args) == 0 {
			args = []string{":" + defaultPort}
		}
	}
	args = datagram.JoinPorts(args)
	if len(args) == 2 && (args[0] == "client" || args[0] == "server") {
		return cli.WithHint(fmt.Errorf("%q is no server's name", args[0]), "write dgperf HOST, and on the other host dgperf serve")
	}
	if len(args) != 1 {
		return cli.Usagef("one server is needed, or serve, not %d arguments", len(args))
	}
	if o.address, err = datagram.ParseAddress(withPort(args[0]), o.socket.Four, o.socket.Six); err != nil {
		return err
	}
	if o.address.Network == "unixgram" {
		return cli.Usagef("dgperf measures UDP; %s is no IP address", args[0])
	}
	if o.config, err = o.socket.Config(); err != nil {
		return err
	}
	o.limited = c.Flags.Changed("time")
	switch {
	case cli.Given(o.down, o.both, o.requests, o.mtu, o.protocol != "dgperf") > 1:
		return cli.Usagef("--down, --both, --requests, --mtu and --protocol exclude each other")
	case o.protocol != "dgperf" && o.protocol != "iperf2":
		return cli.Usagef("--protocol is dgperf or iperf2, not %q", o.protocol)
	case o.drops && (o.serve || o.mtu || o.protocol != "dgperf" || !strings.HasPrefix(o.address.Network, "udp")):
		return cli.Usagef("--drops is for measuring with the protocol dgperf over UDP")
	case o.histogram && !o.requests:
		return cli.WithHint(cli.Usagef("--histogram is of round-trip times and needs --requests"), "without it, a stream's one-way delays are shown as quantiles")
	case o.compare != "" && o.report == "":
		return cli.Usagef("--compare is of --report: give both")
	case o.report != "" && (o.serve || o.mtu || o.protocol != "dgperf"):
		return cli.Usagef("--report draws what a client measures: give it without serve, --mtu and --protocol")
	case o.watch && (o.serve || o.mtu || o.protocol != "dgperf"):
		return cli.Usagef("--watch shows what a client measures: give it without serve, --mtu and --protocol")
	case o.flows < 1 || o.flows > 1024:
		return cli.Usagef("--flows is 1 to 1024, not %d", o.flows)
	case o.duration <= 0:
		return cli.Usagef("--time must be above 0")
	case o.interval < 10*time.Millisecond:
		return cli.Usagef("--interval is at least 10ms; -q is for no lines at all")
	case o.maxRate.Bits > 0:
		return cli.Usagef("--max-rate is in datagrams a second")
	case o.maxSessions < 1 || o.maxPerPeer < 1:
		return cli.Usagef("--max-sessions and --max-per-peer are at least 1")
	}
	if o.report != "" {
		if err := plot.CheckName(o.report); err != nil {
			return cli.Usagef("--report: %v", err)
		}
	}
	if o.requests && !c.Flags.Changed("rate") {
		o.rate = cli.Rate{}
	}
	if o.requests && !c.Flags.Changed("size") {
		o.size = "64"
	}
	o.load = perf.Load{Rate: o.rate.Packets, Bits: o.rate.Bits, Duration: o.duration, Count: o.count, NoOffload: o.noOffload}
	if o.count > 0 && !c.Flags.Changed("time") {
		o.load.Duration = 0
	}
	if o.load.Sizes, err = parseSizes(o.size); err != nil {
		return err
	}
	return o.parsePattern()
}

// withPort adds the default port where there is none.
func withPort(s string) string {
	switch {
	case strings.HasPrefix(s, "unix:"), strings.HasSuffix(s, "]") && strings.HasPrefix(s, "["):
		if strings.HasPrefix(s, "[") {
			return s + ":" + defaultPort
		}
		return s
	case strings.Count(s, ":") == 0:
		return s + ":" + defaultPort
	case strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "["):
		return "[" + s + "]:" + defaultPort
	}
	return s
}

// sizes says how large datagrams are.
func (o *options) sizes() string {
	low, high := slices.Min(o.load.Sizes), slices.Max(o.load.Sizes)
	if low == high {
		return strconv.Itoa(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

func (o *options) parsePattern() error {
	name, number, has := strings.Cut(o.pattern, "=")
	n := 0
	if has {
		var err error
		if n, err = strconv.Atoi(number); err != nil || n < 1 {
			return cli.Usagef("--pattern %s: %q is no number from 1", o.pattern, number)
		}
	}
	switch p := perf.Pattern(name); {
	case name == "constant" && !has:
		return nil
	case p == perf.PatternPoisson && !has, (p == perf.PatternBurst || p == perf.PatternIsochronous) && has:
		o.load.Pattern, o.load.Burst = p, n
		if o.rate.IsZero() {
			return cli.Usagef("--pattern %s needs a --rate", o.pattern)
		}
		return nil
	}
	return cli.Usagef("--pattern is constant, poisson, burst=N or isochronous=N, not %q", o.pattern)
}

// parseSizes reads "1400", "64,512", "64..1472/8" or "imix".
func parseSizes(s string) ([]int, error) {
	if s == "imix" {
		return perf.IMIX, nil
	}
	var sizes []int
	for _, part := range strings.Split(s, ",") {
		from, to, sweep := strings.Cut(part, "..")
		step := 0
		if sweep {
			if limit, by, ok := strings.Cut(to, "/"); ok {
				to = limit
				n, err := strconv.Atoi(by)
				if err != nil || n < 1 {
					return nil, cli.Usagef("--size %s: %q is no step", s, by)
				}
				step = n
			}
		} else {
			to = from
		}
		low, err := strconv.Atoi(from)
		high, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || high < low {
			err := fmt.Errorf("--size %s: %q is no size; write 1400, 64,512, 64..1472/64 or imix", s, part)
			return nil, cli.WithHint(err, "%s", elsewhere["s"])
		}
		if low < perf.HeaderSize || high > dgram.MaxPayload4 {
			return nil, cli.WithHint(fmt.Errorf("--size %s: a size is %d to %d bytes", s, perf.HeaderSize, dgram.MaxPayload4),
				"%d bytes hold a datagram's number, times and digest", perf.HeaderSize)
		}
		if step == 0 {
			step = max((high-low+maxSteps-1)/maxSteps, 1)
		}
		for n := low; n <= high; n += step {
			sizes = append(sizes, n)
		}
		if sweep && !strings.Contains(part, "/") && sizes[len(sizes)-1] != high {
			sizes = append(sizes, high)
		}
	}
	if len(sizes) > 64 {
		return nil, cli.Usagef("--size %s means %d sizes; at most 64 are taken in turn", s, len(sizes))
	}
	return sizes, nil
}

// maxSteps is how many sizes a sweep without a step has.
const maxSteps = 60
