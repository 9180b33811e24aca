package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/report/plot"
	"sockwire/cmd/internal/cli"
	"sockwire/raw"
)

// options are the flags as they are typed.
type options struct {
	count                     int
	interval, timeout         time.Duration
	deadline, late            time.Duration
	size                      int
	ttl                       int
	tos                       string
	from                      string
	sendBuffer                int64
	readBuffer                int64
	four, six                 bool
	numeric, quiet, timestamp bool
	audible, adaptive, flood  bool
	broadcast, noLoop         bool
	preload                   int
	pattern, pmtu             string
	mark                      string
	overdue, userTime         bool
	recordRoute               bool
	timestampOption           string
	flowLabel                 string
	verbose                   bool
	icmpTimestamp             bool
	probeInterface            string
	socket, stamps            string

	many                     bool
	files                    []string
	generate                 []string
	shard                    string
	seed                     uint64
	loop, watch              bool
	retries                  int
	backoff                  float64
	rate                     string
	alive, unreachable, live bool

	json, csv, histogram bool
	drops                bool
	metrics              string
	report, compare      string
}

func (o *options) define(c *cli.Command) {
	f := c.Flags
	f.IntVarP(&o.count, "count", "c", 0, "stop after `N` echoes to each host; without it one host is pinged until interrupted, many once")
	cli.DurationVar(f, &o.interval, "interval", "i", time.Second, "wait `TIME` between echoes to one host; below 2ms needs --flood")
	cli.DurationVar(f, &o.deadline, "deadline", "w", 0, "stop after `TIME` whatever has come by then")
	cli.DurationVar(f, &o.timeout, "timeout", "W", 0, "an answer after `TIME` is late; default 10s for one host, 500ms for many")
	cli.DurationVar(f, &o.late, "late", "", 0, "go on waiting `TIME` for late answers; without it they are taken while the run lasts")
	f.IntVarP(&o.size, "size", "s", 56, "send `N` bytes of payload, 0 to 65507; below 8 a reply cannot prove to be one")
	f.IntVarP(&o.ttl, "ttl", "t", 0, "time to live or hop limit `N`, 1 to 255")
	f.StringVarP(&o.tos, "tos", "Q", "", "type of service or traffic class `N`, such as 0xb8")
	f.StringVarP(&o.from, "from", "I", "", "send from this `DEVICE` or address")
	cli.SizeVar(f, &o.sendBuffer, "send-buffer", "S", 0, "ask for a send buffer of `SIZE`")
	cli.SizeVar(f, &o.readBuffer, "read-buffer", "", 0, "ask for a receive buffer of `SIZE`; default 4MiB")
	f.BoolVarP(&o.four, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&o.six, "ipv6", "6", false, "use IPv6 only")
	f.BoolVarP(&o.numeric, "numeric", "n", false, "print addresses only, not the names given")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only the summary")
	f.BoolVarP(&o.timestamp, "timestamp", "D", false, "print the time before each line, as seconds since 1970")
	f.BoolVarP(&o.audible, "audible", "a", false, "sound the bell at each reply")
	f.BoolVarP(&o.adaptive, "adaptive", "A", false, "send the next echo when the reply is there, or after the interval")
	f.BoolVarP(&o.flood, "flood", "f", false, "send as fast as replies come, at least 100 a second; with --interval at that pace; to many hosts once, without --rate. Use it on your own network only")
	f.IntVarP(&o.preload, "preload", "l", 0, "send `N` echoes at once at the start")
	f.StringVarP(&o.pattern, "pattern", "p", "", "fill the payload behind its first 16 bytes with these bytes, `HEX`")
	f.StringVarP(&o.pmtu, "pmtudisc", "M", "", "path MTU discovery `MODE`: do, want, dont or probe")
	f.StringVarP(&o.mark, "mark", "m", "", "firewall mark `N` of what is sent")
	f.BoolVarP(&o.overdue, "overdue", "O", false, "report an echo whose timeout has passed; without -W, when the next is sent")
	f.BoolVarP(&o.userTime, "user-time", "U", false, "print the time from call to read in this process instead of network time")
	f.BoolVarP(&o.broadcast, "broadcast", "b", false, "allow broadcast addresses")
	f.BoolVarP(&o.noLoop, "no-loop", "L", false, "do not loop multicast echoes back to this host")
	f.BoolVarP(&o.recordRoute, "record-route", "R", false, "have routers write down their address (IPv4)")
	f.StringVarP(&o.timestampOption, "timestamp-option", "T", "", "have routers write down the time (IPv4); `KIND` is tsonly, tsandaddr or tsprespec:ADDR,…")
	f.StringVarP(&o.flowLabel, "flow-label", "F", "", "IPv6 flow label `N`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print the split of each round trip, and all statistics at the end")
	f.BoolVar(&o.icmpTimestamp, "icmp-timestamp", false, "send ICMP timestamp requests instead of echoes (IPv4)")
	f.StringVar(&o.probeInterface, "probe", "", "ask after an interface of the host: its `NAME`, index or address (extended echo, RFC 8335)")
	f.StringVar(&o.socket, "socket", "auto", "`KIND` of socket: auto, raw or ping")
	c.Values("socket", "auto", "raw", "ping")
	c.Values("pmtudisc", "do", "want", "dont", "probe")
	c.Values("stamps", "auto", "on", "off", "hardware")
	c.Values("timestamp-option", "tsonly", "tsandaddr", "tsprespec:")
	f.StringVar(&o.stamps, "stamps", "auto", "kernel timestamps of sends; `WHICH` is auto (each, but one in 16 above 20000 a second), on, off, or hardware: also turn the device's on")

	f.BoolVar(&o.many, "many", false, "treat a single host as many are")
	f.StringArrayVar(&o.files, "file", nil, "read hosts from `FILE`, one a line; - is standard input")
	f.StringArrayVarP(&o.generate, "generate", "g", nil, "ping all of a `RANGE`: 192.0.2.0/24, 2001:db8::/112, 192.0.2.1-192.0.2.9, or FIRST LAST")
	f.StringVar(&o.shard, "shard", "", "take part `I/N` of the generated addresses, so that N machines share a sweep")
	f.Uint64Var(&o.seed, "seed", 0, "shuffle generated addresses by the number `N`; all shards of a sweep need the same")
	f.BoolVar(&o.loop, "loop", false, "ping many hosts for ever, or until --deadline")
	f.BoolVar(&o.watch, "watch", false, "ping many hosts for ever, or --count times, and show them in a table that changes; without a terminal, as with --loop")
	f.IntVarP(&o.retries, "retries", "r", 3, "send up to `N` more echoes to a host that does not answer")
	f.Float64VarP(&o.backoff, "backoff", "B", 1.5, "each retry waits `N` times as long as the one before")
	f.StringVar(&o.rate, "rate", "1kpps", "send to many hosts at most at this `RATE`, such as 50kpps; max is no limit")
	f.BoolVar(&o.alive, "alive", false, "print only the hosts that answer")
	f.BoolVar(&o.unreachable, "unreachable", false, "print only the hosts that do not")
	f.BoolVar(&o.live, "live", false, "print each echo of many hosts as it ends")

	f.BoolVar(&o.json, "json", false, "print JSON Lines")
	f.BoolVar(&o.csv, "csv", false, "print one line of comma-separated values per echo")
	f.BoolVar(&o.histogram, "histogram", false, "print a histogram of round-trip times at the end")
	f.BoolVar(&o.drops, "drops", false, "say too what this host's kernel dropped of the echoes after they left the socket, and why; needs root, or CAP_BPF and CAP_PERFMON")
	f.StringVar(&o.metrics, "metrics", "", "serve Prometheus metrics at `ADDR`, such as 127.0.0.1:9100")
	f.StringVar(&o.report, "report", "", "draw round trips, how they are spread, and losses by cause as the page `FILE`.html, or as drawings in a folder, DIR/")
	f.StringVar(&o.compare, "compare", "", "with --report: draw the run that --json wrote to `FILE` beside, and say whether the difference is more than noise")
}

// plan is what the flags mean.
type plan struct {
	pinger  raw.Pinger
	many    bool
	rate    cli.Rate
	shard   shard
	ranges  []addressRange
	args    []string // hosts
	changed func(flag string) bool
}

func (o *options) plan(args []string, changed func(string) bool) (*plan, error) {
	p := &plan{changed: changed}
	args, err := o.takeRange(args)
	if err != nil {
		return nil, err
	}
	p.args = args
	o.loop = o.loop || o.watch && o.count == 0
	p.many = o.many || o.loop || o.watch || o.alive || o.unreachable || len(args) > 1 || len(o.files) > 0 || len(o.generate) > 0
	if len(args) == 0 && len(o.files) == 0 && len(o.generate) == 0 {
		return nil, cli.Usagef("which host?")
	}
	if err := o.checkReport(); err != nil {
		return nil, err
	}
	ping := &p.pinger
	*ping = raw.Pinger{Count: o.count, Interval: o.interval, Timeout: o.timeout, Late: o.late, Preload: o.preload, Size: o.size,
		Broadcast: o.broadcast, NoLoop: o.noLoop, SendBuffer: int(o.sendBuffer), ReadBuffer: int(o.readBuffer)}
	if o.size == 0 {
		ping.Size = -1
	}
	for _, step := range []func(*plan) error{
		o.check, o.checkHosts, o.checkFping,
		o.planFamily, o.planNumbers, o.planPayload, o.planOptions, o.planMessage, o.planSpeed, o.planMany,
	} {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// takeRange makes one range of an address given to --generate and one that follows, as fping takes them.
func (o *options) takeRange(args []string) ([]string, error) {
	if len(o.generate) != 1 || len(args) == 0 {
		return args, nil
	}
	first, err1 := netip.ParseAddr(o.generate[0])
	last, err2 := netip.ParseAddr(args[0])
	if err1 != nil || err2 != nil {
		return args, nil
	}
	if len(args) > 1 {
		return nil, cli.WithHint(fmt.Errorf("--generate %v %v and %d more hosts", first, last, len(args)-1),
			"write the range with a dash: --generate %v-%v", first, last)
	}
	o.generate = []string{fmt.Sprintf("%v-%v", first, last)}
	return nil, nil
}

const fpingNumbers = "fping's -b BYTES is -s BYTES, its -H TTL is -t TTL"

// checkFping refuses flags that are ping's and mean nothing for many hosts, where a user of fping means another.
func (o *options) checkFping(p *plan) error {
	if !p.many {
		return nil
	}
	for _, f := range []struct {
		name, here, meant string
	}{
		{"audible", "-a, --audible, is for one host", "fping's -a is --alive"},
		{"preload", "-l, --preload, is for echoes that are repeated", "fping's -l is --loop; else add -c N"},
	} {
		repeated := o.loop || o.count > 1
		if p.changed(f.name) && !(f.name == "preload" && repeated) {
			return cli.WithHint(errors.New(f.here), "%s", f.meant)
		}
	}
	return nil
}

// checkHosts refuses what is surely meant to be a range of hosts, or a file of them.
func (o *options) checkHosts(p *plan) error {
	for _, arg := range p.args {
		base, bits, slash := strings.Cut(arg, "/")
		n, err := strconv.Atoi(bits)
		_, rangeErr := parseRange(arg)
		switch number, notNumber := strconv.ParseUint(arg, 10, 24); {
		case notNumber == nil && number > 0:
			// inet_aton would read it as an address of network 0, where nobody is but, at 0 itself, this host.
			return cli.WithHint(fmt.Errorf("%d is a number, not a host", number), "which flag is it for? "+fpingNumbers)
		case slash && err == nil && n >= 0 && n <= 128 && base != "":
			return cli.WithHint(fmt.Errorf("%s is a network, not a host", arg), "rawping --generate %s pings all of it", arg)
		case rangeErr == nil && strings.Contains(arg, "-"):
			return cli.WithHint(fmt.Errorf("%s is a range, not a host", arg), "rawping --generate %s pings all of it", arg)
		}
		if info, err := os.Stat(arg); o.flood && err == nil && info.Mode().IsRegular() {
			return cli.WithHint(fmt.Errorf("%s is a file, and -f is --flood, as of ping", arg), "fping's -f %s is --file %s", arg, arg)
		}
	}
	return nil
}

// check refuses values out of range and flags that contradict each other.
func (o *options) check(p *plan) error {
	switch {
	case p.changed("count") && (o.count < 1 || o.count > 1<<31-1):
		return cli.Usagef("--count is at least 1, not %d", o.count)
	case o.size < 0 || o.size > 65507:
		return cli.Usagef("--size is 0 to 65507, not %d: an IPv4 packet holds 65535 bytes", o.size)
	case p.changed("ttl") && (o.ttl < 1 || o.ttl > 255):
		return cli.WithHint(fmt.Errorf("--ttl is 1 to 255, not %d", o.ttl), "fping's -t MILLISECONDS is -W TIME, such as -W %dms", max(o.ttl, 1))
	case p.changed("preload") && (o.preload < 1 || o.preload > 65536):
		return cli.Usagef("--preload is 1 to 65536, not %d", o.preload)
	case p.changed("send-buffer") && (o.sendBuffer < 1 || o.sendBuffer > 1<<31-1), o.readBuffer > 1<<31-1:
		return cli.Usagef("a buffer is 1 byte to 2GiB")
	case o.retries < 0 || o.retries > 31:
		return cli.Usagef("--retries is 0 to 31, not %d", o.retries)
	case !(o.backoff >= 1 && o.backoff <= 100):
		return cli.Usagef("--backoff is 1 to 100, not %v", o.backoff)
	case o.four && o.six:
		return cli.Usagef("--ipv4 and --ipv6 exclude each other")
	case o.json && o.csv:
		return cli.Usagef("--json and --csv exclude each other")
	case o.drops && (o.csv || o.alive || o.unreachable):
		return cli.Usagef("--drops is told in the summary, which --csv, --alive and --unreachable leave out")
	case o.alive && o.unreachable:
		return cli.Usagef("--alive and --unreachable exclude each other")
	case o.flood && o.adaptive:
		return cli.Usagef("--flood and --adaptive exclude each other")
	case o.loop && o.count > 0:
		return cli.Usagef("--loop and --count exclude each other")
	case o.recordRoute && o.timestampOption != "":
		return cli.Usagef("--record-route and --timestamp-option exclude each other: a header has room for one of them")
	case o.icmpTimestamp && o.probeInterface != "":
		return cli.Usagef("--icmp-timestamp and --probe exclude each other")
	case o.shard != "" && len(o.generate) == 0:
		return cli.Usagef("--shard needs --generate")
	}
	if !o.flood && o.interval < leastInterval {
		return cli.WithHint(fmt.Errorf("--interval %v would flood the host", o.interval), "at less than 2ms add --flood, on your own network only")
	}
	return nil
}

func (o *options) planFamily(p *plan) error {
	switch {
	case o.four:
		p.pinger.Family = 4
	case o.six:
		p.pinger.Family = 6
	}
	if o.from == "" {
		return nil
	}
	addr, err := netip.ParseAddr(o.from)
	if err != nil {
		p.pinger.Device = o.from
		return nil
	}
	p.pinger.Source = addr.Unmap()
	if p.pinger.Family == 4 && addr.Unmap().Is6() || p.pinger.Family == 6 && addr.Unmap().Is4() {
		return cli.Usagef("--from %v is not of family IPv%d", addr, p.pinger.Family)
	}
	return nil
}

func (o *options) planNumbers(p *plan) error {
	tos, err := cli.Number("tos", o.tos, 255)
	if err != nil {
		return err
	}
	mark, err := cli.Number("mark", o.mark, 1<<32-1)
	if err != nil {
		return err
	}
	label, err := cli.Number("flow-label", o.flowLabel, 0xfffff)
	if err != nil {
		return err
	}
	p.pinger.TTL, p.pinger.TOS, p.pinger.Mark, p.pinger.FlowLabel = uint8(o.ttl), uint8(tos), uint32(mark), uint32(label)
	return nil
}

func (o *options) planPayload(p *plan) error {
	if o.pattern == "" {
		return nil
	}
	digits := o.pattern
	if n := len(digits); n%2 == 1 { // the last digit is a byte of its own, as ping takes it
		digits = digits[:n-1] + "0" + digits[n-1:]
	}
	pattern, err := hex.DecodeString(digits)
	if err != nil || len(pattern) > 16 {
		return cli.Usagef("--pattern %q is not 1 to 16 bytes in hexadecimal, such as ff00", o.pattern)
	}
	p.pinger.Pattern = pattern
	return nil
}

func choose[T any](flag, s string, values map[string]T) (T, error) {
	v, ok := values[s]
	if !ok {
		var names []string
		for name := range values {
			if name != "" {
				names = append(names, name)
			}
		}
		if near := cli.Nearest(s, names); near != "" {
			return v, cli.WithHint(fmt.Errorf("--%s has no %q", flag, s), "did you mean %s?", near)
		}
		return v, cli.Usagef("--%s has no %q", flag, s)
	}
	return v, nil
}

func (o *options) planOptions(p *plan) (err error) {
	ping := &p.pinger
	if ping.Fragment, err = choose("pmtudisc", o.pmtu, map[string]raw.Fragmentation{"": raw.FragmentDefault, "do": raw.FragmentDo,
		"want": raw.FragmentWant, "dont": raw.FragmentDont, "probe": raw.FragmentProbe}); err != nil {
		return err
	}
	if ping.Socket, err = choose("socket", o.socket, map[string]raw.SocketKind{"auto": raw.AnySocket, "raw": raw.RawSocket, "ping": raw.PingSocket}); err != nil {
		return err
	}
	if ping.Stamps, err = choose("stamps", o.stamps, map[string]raw.Stamps{"auto": raw.StampsAuto, "on": raw.StampsOn, "off": raw.StampsOff,
		"hardware": raw.StampsHardware}); err != nil {
		return err
	}
	if o.recordRoute {
		ping.Options = raw.RecordRoute()
	}
	kind, list, _ := strings.Cut(o.timestampOption, ":")
	switch kind {
	case "":
	case "tsonly", "tsandaddr":
		ping.Options, err = raw.TimestampOption(kind == "tsandaddr")
	case "tsprespec":
		var those []netip.Addr
		for _, text := range strings.Split(list, ",") {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return cli.Usagef("--timestamp-option: %q is not an address", text)
			}
			those = append(those, a)
		}
		ping.Options, err = raw.TimestampOption(true, those...)
	default:
		return cli.Usagef("--timestamp-option is tsonly, tsandaddr or tsprespec:ADDR,..., not %q", o.timestampOption)
	}
	if len(ping.Options) > 0 {
		if o.six {
			return cli.Usagef("IPv6 has no such options in its header")
		}
		ping.Family = 4
	}
	return err
}

func (o *options) planMessage(p *plan) error {
	switch {
	case o.icmpTimestamp:
		if o.six {
			return cli.Usagef("ICMPv6 has no timestamp message")
		}
		p.pinger.Message, p.pinger.Family = raw.TimestampRequest, 4
	case o.probeInterface != "":
		p.pinger.Message = raw.ExtendedEcho
		p.pinger.Interface = raw.ParseProbeInterface(o.probeInterface)
	}
	return nil
}

const (
	floodInterval = 10 * time.Millisecond
	leastInterval = 2 * time.Millisecond // without --flood
)

func (o *options) planSpeed(p *plan) error {
	ping := &p.pinger
	if !p.many && !p.changed("timeout") {
		ping.Timeout, ping.QuickEnd = 10*time.Second, true
	}
	if !p.many && o.count == 1 && ping.Stamps == raw.StampsAuto {
		ping.Stamps = raw.StampsOn // a count of one is no sweep here, which would do without
	}
	if !p.many && o.deadline > 0 && !o.flood {
		ping.Count = 0 // --count is of answers then: see session.enough
	}
	if p.many && !p.changed("timeout") {
		ping.Timeout = 500 * time.Millisecond
	}
	switch {
	case o.flood && p.many && !o.loop && o.count < 2:
		// Each host is sent one: there is no reply to wait for before the next.
	case o.flood && (!p.changed("interval") || o.interval == 0):
		ping.Window, ping.Interval = 256+o.preload, floodInterval
		ping.Preload = 0
		if !p.changed("timeout") {
			ping.Timeout = time.Second
		}
	case o.adaptive:
		ping.Window, ping.Preload, ping.Gap = max(1, o.preload), 0, leastInterval
	}
	if ping.Overdue = o.overdue; o.overdue && !p.changed("timeout") {
		// An answer is missed when the next echo is sent, and waited for all the same.
		ping.Timeout, ping.Late = ping.Interval, max(ping.Timeout-ping.Interval, 0)
	}
	return nil
}

func (o *options) planMany(p *plan) (err error) {
	if !p.many {
		for _, flag := range []string{"retries", "backoff", "rate", "live"} {
			if p.changed(flag) {
				return cli.WithHint(fmt.Errorf("--%s is for many hosts", flag), "add --many to treat one host as many are")
			}
		}
		return nil
	}
	ping := &p.pinger
	switch {
	case o.loop:
		ping.Count = 0
	case o.count == 0:
		ping.Count, ping.Retries, ping.Backoff = 1, o.retries, o.backoff
	case p.changed("retries") && o.count > 1:
		return cli.Usagef("--retries and --count %d exclude each other", o.count)
	case o.count == 1 && p.changed("retries"):
		ping.Retries, ping.Backoff = o.retries, o.backoff
	}
	if o.rate != "max" && (!o.flood || p.changed("rate")) {
		if p.rate, err = cli.ParseRate(o.rate); err != nil || p.rate.Bits > 0 {
			return cli.Usagef("--rate %q is no rate; write 1000, 50kpps or max", o.rate)
		}
		ping.Gap = time.Duration(float64(time.Second) / p.rate.Packets)
	}
	// A sweep is paced on the whole, not echo by echo: that saves most of the wake-ups.
	if ping.Gap >= 100*time.Microsecond {
		ping.Slack = min(ping.Interval/100, 10*time.Millisecond)
	}
	if p.shard, err = parseShard(o.shard); err != nil {
		return err
	}
	for _, text := range o.generate {
		r, err := parseRange(text)
		if err != nil {
			return err
		}
		p.ranges = append(p.ranges, r)
	}
	return nil
}

// checkReport refuses what --report and --compare cannot be.
func (o *options) checkReport() error {
	if o.report == "" {
		if o.compare != "" {
			return cli.Usagef("--compare is of --report: give both")
		}
		return nil
	}
	if err := plot.CheckName(o.report); err != nil {
		return cli.Usagef("--report: %v", err)
	}
	return nil
}
