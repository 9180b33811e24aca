package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// options are the flags and arguments, checked before a socket is opened.
type options struct {
	count     uint64
	duration  time.Duration
	rate      cli.Rate
	interval  interval
	flood     bool
	poisson   bool
	burst     int
	engine    string
	device    string
	seed      uint64
	seedGiven bool
	allow     []string
	yes       bool

	wait      time.Duration
	waitGiven bool
	retry     int
	stateless bool

	print, toGo, describe bool
	drops                 bool
	toPcap                string

	read    string
	memory  int64
	filter  string
	editing string
	speed   float64
	loop    int

	json, quiet, verbose bool

	ctx      context.Context // ends reading files and looking up names
	spec     string
	template *packet.Template // of what is to be sent, or nil
	edit     *packet.Edit
	plan     *inject.Plan // of what is to be sent or shown
}

// yesAbove is how many packets an expression may expand to before --yes is asked for.
const yesAbove = 1_000_000

func newCommand(o *options) *cli.Command {
	c := cli.New("rawsend", "craft packets, send them at a rate, and see what comes back")
	c.Usage = []string{"[flags] EXPRESSION", "[flags] -r FILE [FILTER...]"}
	c.Long = "EXPRESSION is layers joined by /, each with fields in braces. What is left out is computed: lengths, checksums, protocol numbers, " +
		"source addresses, Ethernet addresses. What is given is sent as it is, wrong values included; if a raw socket's kernel would overwrite it, " +
		"rawsend moves to a packet socket and says so.\n\n" +
		"A value is a constant, a list (53,123), a range (1..30, 0..100 by 10), a prefix, rand, seq, or from FILE; several make all combinations, or go " +
		"in step when marked with the same @name. 'rawsend --help layers' has the language in full.\n\n" +
		"One packet is sent unless the expression has several values or -c says more; 1 per second, or 1000 per second for the combinations of an expression, " +
		"unless --rate or --flood says otherwise. Then it waits for answers."
	c.Topics = []cli.Topic{languageTopic()}
	c.Examples = []cli.Example{
		{Line: "rawsend 'ip{dst=192.0.2.1} / icmp'", Text: "One echo request."},
		{Line: "rawsend 'ip{dst=192.0.2.1, ttl=1..30} / udp{dport=33434}'", Text: "Who answers at each hop, and what was changed on the way."},
		{Line: "rawsend 'ip{dst=192.0.2.1} / tcp{dport=1..1024, flags=S}'", Text: "A SYN scan."},
		{Line: "rawsend --allow subnet -I eth0 'arp{tpa=192.0.2.0/24}'", Text: "Who is on this link."},
		{Line: "rawsend --print 'eth / vlan{id=10} / ip6{dst=2001:db8::1} / icmp6'", Text: "Look at a packet without sending it."},
		{Line: "rawsend -I eth0 -r some.pcap --edit 'ip{ttl=1, dst=192.0.2.2}' 'tcp port 80'", Text: "Send recorded packets again, changed."},
		{Line: "rawsend --describe -r capture.pcapng", Text: "Write packets as expressions that build the same bytes."},
	}
	c.Privilege = "cap_net_raw to send; it is given up once the sockets are open. --drops needs root, or CAP_BPF and CAP_PERFMON besides. None is needed for --print, --to-pcap, --to-go and --describe."
	c.Elsewhere = elsewhere
	c.ExitStatus = "answers were waited for and none came"
	f := c.Flags
	f.Uint64VarP(&o.count, "count", "c", 0, "send `N` packets; 0 is each combination once")
	cli.DurationVar(f, &o.duration, "duration", "", 0, "stop sending after `TIME`")
	f.Var(&o.rate, "rate", "packets or bits a second: `RATE` such as 100, 50kpps, 10Mbps")
	f.VarP(&o.interval, "interval", "i", "send a packet each `TIME`: 10ms, 0.5 (seconds), or u1000 (microseconds)")
	f.BoolVar(&o.flood, "flood", false, "send as fast as it goes, until --count, --duration or an interrupt")
	f.BoolVar(&o.poisson, "poisson", false, "random gaps around the rate, exponentially distributed")
	f.IntVar(&o.burst, "burst", 1, "send `N` packets at once, at the same mean rate")
	f.StringVar(&o.engine, "engine", "auto", "send by `ENGINE`: auto, raw, packet, xdp, trains")
	f.StringVarP(&o.device, "interface", "I", "", "send through `INTERFACE`")
	f.Uint64Var(&o.seed, "seed", 0, "make random values from `N`; the same seed gives the same packets")
	c.Values("engine", "auto", "raw", "packet", "xdp", "trains")
	c.Values("allow", "broadcast", "multicast", "subnet")
	f.StringSliceVar(&o.allow, "allow", nil, "send also to `KINDS` of targets: broadcast, multicast, subnet")
	f.BoolVar(&o.yes, "yes", false, fmt.Sprintf("go through with more than %d packets", yesAbove))
	cli.DurationVar(f, &o.wait, "wait", "W", time.Second, "wait `TIME` for answers after the last packet; 0 looks for none, as --flood and -r do unasked")
	f.IntVar(&o.retry, "retry", 0, "send what has no answer `N` times more")
	f.BoolVar(&o.stateless, "stateless", false, "remember no packets: know answers by a keyed cookie in ports, numbers and ids")
	f.BoolVar(&o.drops, "drops", false, "say too what this host's kernel dropped of what was sent, and why; needs root, or CAP_BPF and CAP_PERFMON")
	f.BoolVar(&o.print, "print", false, "show packets as fields and bytes, and send nothing")
	f.StringVarP(&o.toPcap, "to-pcap", "w", "", "write packets to a capture `FILE`, and send nothing")
	f.BoolVar(&o.toGo, "to-go", false, "print the Go program that builds the packets, and send nothing")
	f.BoolVar(&o.describe, "describe", false, "print the packets of -r as expressions, and send nothing")
	f.StringVarP(&o.read, "read", "r", "", "take packets from a capture `FILE`, - for standard input, those that match FILTER")
	cli.SizeVar(f, &o.memory, "memory", "", 0, "with -r: keep up to `SIZE` of the packets of a packed file (default 128MiB)")
	f.StringVar(&o.editing, "edit", "", "change the packets of -r as `EXPRESSION` says")
	f.Float64Var(&o.speed, "speed", 1, "keep the times of -r, `N` times as fast; --rate and --flood ignore them")
	f.IntVar(&o.loop, "loop", 1, "send the packets of -r `N` times")
	f.BoolVar(&o.json, "json", false, "JSON Lines: answers, unanswered packets and a summary")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no line for each answer")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show answers as field trees, and more in the summary")
	return c
}

// elsewhere is what users of other tools know things by.
var elsewhere = map[string]string{
	"S": "hping3's -S and nmap's -sS are tcp{flags=S}: rawsend 'ip{dst=HOST} / tcp{dport=PORT, flags=S}'", "s": "nmap's -sS is tcp{flags=S}, -sU is udp: rawsend 'ip{dst=HOST} / tcp{dport=1..1024}'; hping3's -s is sport=",
	"p": "a port is a field: 'ip{dst=HOST} / tcp{dport=PORT}'", "1": "hping3's -1 is a layer: 'ip{dst=HOST} / icmp'", "2": "hping3's -2 is a layer: 'ip{dst=HOST} / udp{dport=PORT}'",
	"0": "hping3's -0 is 'ip{dst=HOST, proto=N} / hex{…}'", "8": "hping3's -8 is a range: 'ip{dst=HOST} / tcp{dport=1..1024}'",
	"a": "hping3's -a is a field: 'ip{src=ADDRESS, dst=HOST} / …'", "t": "a TTL is a field: 'ip{dst=HOST, ttl=N} / …'", "d": "hping3's -d is a layer: '… / random{SIZE}'",
	"E": "hping3's -E is a layer: '… / file{PATH}'", "A": "TCP flags are a field: tcp{flags=A}", "F": "TCP flags are a field: tcp{flags=F}", "R": "TCP flags are a field: tcp{flags=R}",
	"P": "TCP flags are a field: tcp{flags=P}", "U": "TCP flags are a field: tcp{flags=U}", "V": "hping3's -V is --verbose", "T": "hping3's -T is a range: 'ip{dst=HOST, ttl=1..30} / udp{dport=33434}'",
	"fast": "hping3's --fast is --rate 10pps", "faster": "hping3's --faster is --rate 1000000pps", "rand-source": "hping3's --rand-source is a field: 'ip{src=rand, dst=HOST} / …'",
	"rand-dest": "hping3's --rand-dest is a field: 'ip{dst=rand}', with --allow subnet", "scan": "hping3's --scan is a range: 'ip{dst=HOST} / tcp{dport=1..1024, flags=S}'",
	"traceroute": "a trace is a range: 'ip{dst=HOST, ttl=1..30} / udp{dport=33434}'", "ttl": "a TTL is a field: 'ip{dst=HOST, ttl=N} / …'", "data": "data are a layer: '… / hex{…}', or random{SIZE}",
	"spoof": "a source is a field: 'ip{src=ADDRESS, dst=HOST} / …'", "syn": "TCP flags are a field: tcp{flags=S}", "destport": "a port is a field: tcp{dport=PORT}", "baseport": "a port is a field: tcp{sport=PORT}",
	"tcp": "nping's --tcp is a layer: 'ip{dst=HOST} / tcp{dport=PORT}'", "udp": "nping's --udp is a layer: 'ip{dst=HOST} / udp{dport=PORT}'", "icmp": "nping's --icmp is a layer: 'ip{dst=HOST} / icmp'",
	"arp": "nping's --arp is a layer: 'arp{tpa=HOST}'", "flags": "nping's --flags is a field: tcp{flags=SA}", "source-ip": "a source is a field: 'ip{src=ADDRESS, dst=HOST} / …'",
	"dest-ip": "a destination is a field: 'ip{dst=HOST} / …'", "source-port": "a port is a field: tcp{sport=PORT}", "dest-port": "a port is a field: tcp{dport=PORT}",
	"data-length": "nping's --data-length is a layer: '… / random{SIZE}'", "data-string": "nping's --data-string is a layer: '… / text{…}'", "delay": "nping's --delay is --interval",
	"pps": "tcpreplay's --pps is --rate Npps", "mbps": "tcpreplay's --mbps is --rate NMbps", "topspeed": "tcpreplay's --topspeed is --flood", "multiplier": "tcpreplay's --multiplier is --speed",
	"intf1": "tcpreplay's --intf1 is --interface", "n": "names are looked up once, in expressions; answers are never named", "num": "trafgen's --num is --count", "dev": "trafgen's --dev is --interface",
}

// interval is the time between packets, as ping and hping3 take it.
type interval time.Duration

func (v *interval) Set(s string) error {
	if _, err := cli.ParseRate(s); err == nil && strings.HasSuffix(s, "s") && strings.ContainsAny(s, "p/b") {
		return fmt.Errorf("%q is a rate, and this is the time between packets: say --rate %s", s, s)
	}
	text := s
	if digits, ok := strings.CutPrefix(s, "u"); ok && isNumber(digits) {
		text = digits + "us"
	}
	d, err := cli.ParseDuration(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no time between packets; write 10ms, 0.5 or u1000. An interface is -I NAME, a rate --rate 100pps", s)
	case d == 0:
		return errors.New("as fast as it goes is --flood")
	}
	*v = interval(d)
	return nil
}

func (v *interval) String() string {
	if *v == 0 {
		return ""
	}
	return time.Duration(*v).String()
}

func (v *interval) Type() string { return "time" }

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// sends reports whether packets go out.
func (o *options) sends() bool { return !o.print && !o.toGo && !o.describe && o.toPcap == "" }

// check validates everything that needs no socket.
func (o *options) check(c *cli.Command, args []string) error {
	o.seedGiven = c.Flags.Changed("seed")
	o.waitGiven = c.Flags.Changed("wait")
	if !o.seedGiven {
		var b [8]byte
		rand.Read(b[:])
		o.seed = binary.LittleEndian.Uint64(b[:]) >> 11 // 53 bits survive every JSON reader
	}
	if err := o.checkFlags(c); err != nil {
		return err
	}
	if o.read != "" {
		o.filter = strings.Join(args, " ")
		return o.parseEdit()
	}
	if len(args) != 1 {
		return cli.Usagef("one expression is needed, not %d arguments: put it in quotes", len(args))
	}
	o.spec = args[0]
	var err error
	if o.template, err = o.parse(o.spec); err != nil {
		return explain(o.spec, err)
	}
	return o.checkTemplate()
}

func (o *options) checkFlags(c *cli.Command) error {
	switch {
	case o.drops && (o.print || o.toGo || o.describe || o.toPcap != ""):
		return cli.Usagef("--drops is of packets that are sent: give it without --print, --to-pcap, --to-go and --describe")
	case cli.Given(o.print, o.toGo, o.describe, o.toPcap != "") > 1:
		return cli.Usagef("--print, --to-pcap, --to-go and --describe exclude each other")
	case o.describe && o.read == "":
		return cli.Usagef("--describe needs packets: -r FILE")
	case o.read == "" && (o.editing != "" || c.Flags.Changed("speed") || c.Flags.Changed("loop")):
		return cli.Usagef("--edit, --speed and --loop need packets: -r FILE")
	case o.interval > 0 && !o.rate.IsZero():
		return cli.Usagef("--interval and --rate exclude each other")
	case o.flood && (!o.rate.IsZero() || o.interval > 0):
		return cli.Usagef("--flood excludes --rate and --interval: they exclude each other")
	case isNumber(o.toPcap):
		return cli.WithHint(fmt.Errorf("-w writes a capture file, and %s is a number", o.toPcap), "hping3's -w %s is a field: tcp{win=%s}; for a file of that name say -w ./%s", o.toPcap, o.toPcap, o.toPcap)
	case !slices.Contains([]string{"auto", "raw", "packet", "xdp", "trains"}, o.engine):
		return cli.Usagef("--engine is auto, raw, packet, xdp or trains, not %q", o.engine)
	case !(o.speed > 0 && o.speed <= 1e6):
		return cli.Usagef("--speed is above 0 and at most 1000000")
	case o.loop < 1 || o.loop > math.MaxInt32:
		return cli.Usagef("--loop is 1 or more")
	case o.retry < 0 || o.retry > 100:
		return cli.Usagef("--retry is 0 to 100")
	case o.burst < 1:
		return cli.Usagef("--burst is 1 or more")
	case o.stateless && o.retry > 0:
		return cli.Usagef("--stateless remembers nothing to retry")
	case o.toGo && o.read != "":
		return cli.Usagef("--to-go takes an expression; --describe makes one of each packet")
	case o.read != "" && (o.retry > 0 || o.stateless):
		return cli.Usagef("--retry and --stateless go with an expression, not with -r")
	}
	if o.interval > 0 {
		o.rate.Packets = 1e9 / float64(o.interval)
	}
	for _, a := range o.allow {
		if !slices.Contains([]string{"broadcast", "multicast", "subnet"}, a) {
			return cli.Usagef("--allow takes broadcast, multicast, subnet, not %q", a)
		}
	}
	if o.poisson && o.rate.IsZero() || o.burst > 1 && o.rate.IsZero() {
		return cli.Usagef("--poisson and --burst need --rate")
	}
	return o.schedule().Validate()
}

// parser reads expressions with files and names.
func (o *options) parser() *packet.Parser {
	ctx := o.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	return &packet.Parser{
		ReadFile: func(name string) ([]byte, error) { return readFile(ctx, name) },
		Lookup:   func(host string, family int) (netip.Addr, error) { return lookup(ctx, host, family) },
	}
}

// maxFile bounds the files that expressions name.
const maxFile = 64 << 20

// fileTimeout is how long a pipe among them may keep everything waiting.
const fileTimeout = 10 * time.Second

func readFile(ctx context.Context, name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|nonBlocking, 0) // a pipe that nobody writes to is empty, and not waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	f.SetReadDeadline(time.Now().Add(fileTimeout)) // what it cannot be set for does not block
	defer context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil && len(b) > maxFile:
		err = fmt.Errorf("%s is larger than 64 MiB", name)
	}
	return b, err
}

func lookup(ctx context.Context, host string, family int) (netip.Addr, error) {
	if err := wire.CheckHostName(host); err != nil {
		return netip.Addr{}, err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() == (family == 4) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no address of IPv%d", host, family)
}

func (o *options) parse(spec string) (*packet.Template, error) {
	t, err := o.parser().Parse(spec)
	if err == nil {
		t.SetSeed(o.seed)
	}
	return t, err
}

func (o *options) parseEdit() error {
	if o.editing == "" {
		return nil
	}
	var err error
	if o.edit, err = o.parser().ParseEdit(o.editing); err != nil {
		return explain(o.editing, err)
	}
	o.edit.SetSeed(o.seed)
	return nil
}

// checkTemplate makes the plan and checks every packet of it.
func (o *options) checkTemplate() error {
	t := o.template
	n := t.Count()
	if n > yesAbove && !o.yes && (o.count == 0 || o.count > yesAbove) {
		return cli.WithHint(fmt.Errorf("the expression makes %s packets", plural(n)), "limit it with -c, or add --yes")
	}
	if o.engine == "raw" && linkOf(t.Layers(0)[0]) != capture.LinkRaw {
		return cli.Usagef("--engine raw sends IP packets: the expression starts with %s", strings.FieldsFunc(o.spec, func(r rune) bool { return r == '{' || r == '/' || r == ' ' })[0])
	}
	o.makePlan()
	o.plan.Template = t
	if o.plan.Count = o.count; o.count == 0 && (o.flood || o.duration > 0) && o.sends() {
		o.plan.Count = math.MaxUint64
	}
	return o.explain(o.plan.Check())
}

// makePlan makes the plan of all that the flags say.
func (o *options) makePlan() {
	p := &inject.Plan{Interface: o.device, Engine: inject.EngineKind(o.engine), Flood: o.flood, Fast: inject.IsFast(o.pace()), Dry: !o.sends(),
		Allow: inject.Allow{Broadcast: o.allowed("broadcast"), Multicast: o.allowed("multicast"), Subnet: o.allowed("subnet")}}
	if o.engine == "auto" {
		p.Engine = inject.AutoEngine
	}
	switch {
	case o.wait == 0:
		p.Listen = inject.ListenNever
	case o.waitGiven:
		p.Listen = inject.ListenAlways
	}
	if o.stateless {
		p.Key = binary.LittleEndian.AppendUint64(nil, o.seed)
	}
	o.plan = p
}

func plural(n uint64) string {
	if n == math.MaxUint64 {
		return "2^64 or more"
	}
	return fmt.Sprint(n)
}

func (o *options) allowed(kind string) bool { return slices.Contains(o.allow, kind) }

// schedule returns when packets leave, --rate as it was given.
func (o *options) schedule() inject.Schedule {
	return inject.Schedule{Packets: o.rate.Packets, Bits: o.rate.Bits, Poisson: o.poisson, Burst: o.burst, Seed: o.seed}
}

// pace is the schedule with the default rates. Recorded packets that keep their times have none.
func (o *options) pace() inject.Schedule {
	s := o.schedule()
	if o.rate.IsZero() && !o.flood && o.read == "" {
		s.Packets = 1
		if o.template.Count() > 1 {
			s.Packets = 1000
		}
	}
	return s
}

// scapyLike matches what scapy's users write.
var scapyLike = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9]*\(`)

// explain shows where an expression is wrong, and how it would be right where it is plain what was meant.
func explain(spec string, err error) error {
	syntax, ok := err.(*packet.SyntaxError)
	if !ok {
		return err
	}
	if a, addrErr := netip.ParseAddr(spec); addrErr == nil {
		layers := "ip{dst=%s} / icmp"
		if a.Is6() {
			layers = "ip6{dst=%s} / icmp6"
		}
		return cli.WithHint(fmt.Errorf("%s is an address, and no expression", cli.Escape(spec)), "an echo request to it is '"+layers+"'; rawping pings", a)
	}
	if scapyLike.MatchString(spec) {
		return cli.WithHint(syntax, "scapy's IP(dst=\"192.0.2.1\")/TCP(dport=80) is 'ip{dst=192.0.2.1} / tcp{dport=80}' here")
	}
	runes := []rune(spec)
	at := min(syntax.Column-1, len(runes))
	before, behind := runes[max(0, at-30):at], runes[at:min(len(runes), at+20)]
	return cli.WithHint(syntax, "the mistake is at the arrow: %s→%s", cli.Escape(string(before)), cli.Escape(string(behind)))
}

// linkOf returns the link type of packets that start with a layer.
func linkOf(l packet.Layer) capture.LinkType {
	switch l.(type) {
	case *packet.IPv4, *packet.IPv6:
		return capture.LinkRaw
	}
	return capture.LinkEthernet
}
