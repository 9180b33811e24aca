package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/edit"
	"sockwire/capture/filter"
	"sockwire/capture/share"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// options are the flags and the expression, checked before anything is opened.
type options struct {
	interfaces []string
	read       []string
	list       bool
	drops      bool

	noPromiscuous bool
	immediate     bool
	deviceTime    bool
	buffer        int64
	directionFlag string
	direction     capture.Direction
	snaplen       int
	memory        int64

	count       int64
	duration    time.Duration
	from, to    instant
	numbersText string
	numbers     edit.Numbers
	dedupText   string
	dedup       *edit.Duplicates // nil without --dedup
	shiftText   string
	shift       time.Duration
	filterFile  string
	readFile    func(name string) ([]byte, error)
	expression  string
	filter      *filter.Filter // nil without an expression
	whereText   string
	where       *where.Expression // nil without --where
	before      *filter.Filter    // passes all that --where can choose; nil where it may be any packet
	dump        int
	explain     bool
	why         bool
	linkFlag    string
	netmask     string
	mask        netip.Addr // that it names
	split       string     // --split
	written     []string   // the files that it made
	link        capture.LinkType

	write         string
	tables        string
	share         string
	sharer        *share.Sharer // nil without --share
	withData      bool
	print         bool
	sizeFlag      string
	rotation      capture.Rotation
	timeCount     int
	utc           bool
	nano          bool
	verbose       int
	hex           int
	ascii         bool
	linkLayer     bool
	absolute      bool
	number        bool
	noSums        bool
	rtp           []uint
	decodeAs      []string
	listProtocols bool                        // --decode list
	ports         map[decode.Port]decode.Type // what --decode and --rtp say
	numeric       bool
	resolve       bool
	json          bool
	fields        string
	format        string
	separator     string
	aggregator    string
	occurrence    string
	columns       []decode.Column
	stats         string
	info          bool
	top           int
	topGiven      bool
	live          bool // the view of --top is what is asked for
	quiet         bool
	parts         map[string]bool // of the statistics

	report     string
	reportOnly *uint64 // the stream that it is to draw

	flowOptions
	ownerOptions
}

var examples = []cli.Example{
	{Line: "pktview -i eth0 tcp port 80", Text: "Show what passes eth0 on TCP port 80, as it comes."},
	{Line: "pktview -i any -w trace.pcapng.zst -C 100MB -W 20", Text: "Record everything in packed files of 100 MB, the newest 20 of them."},
	{Line: "pktview -i eth0 --top", Text: "Who talks now: conversations, protocols and endpoints, in a view that changes."},
	{Line: "pktview -r trace.pcap -w packets.parquet", Text: "A table of packets, for DuckDB and others."},
	{Line: "pktview -r trace.pcap --tables lake", Text: "Packets, flows, streams and messages as tables, by date and hour."},
	{Line: "pktview -r trace.pcap --share -w shared.pcapng", Text: "A capture to hand on: no addresses, names and payloads."},
	{Line: "pktview --drops udp port 53", Text: "Datagrams of port 53 that this host drops, and why."},
	{Line: "pktview --drops --stats drops --duration 10s", Text: "What this host drops in ten seconds, by reason."},
	{Line: "pktview --owner --comm curl", Text: "What curl sends and gets, with process and user on each line; as root."},
	{Line: "pktview -r trace.pcapng -v host 192.0.2.7", Text: "Every field of the packets of one host."},
	{Line: "pktview -r a.pcap -r b.pcap -w both.pcapng", Text: "Merge two captures by time."},
	{Line: "pktview -r trace.pcap --from 10:30:00 --to +5s -w part.pcap", Text: "Cut out a part: five seconds from half past ten."},
	{Line: "pktview -r trace.pcap --packets 1-10,15 -w some.pcap", Text: "The packets with these numbers."},
	{Line: "pktview -r trace.pcap --dedup --shift -1h -w clean.pcap", Text: "Without duplicates, an hour earlier."},
	{Line: "pktview -r trace.pcap --stats", Text: "Protocols, conversations, endpoints and lengths."},
	{Line: "pktview -r trace.pcap --streams --sort lost", Text: "TCP streams, those that lost most first."},
	{Line: "pktview -r trace.pcap --report trace.html", Text: "A page of charts, each point leading to its packet."},
	{Line: "pktview -r trace.pcap --flow 'flow.lost or flow.missed'", Text: "The packets that were lost, or that the capture does not have."},
	{Line: "pktview -r trace.pcap --where 'tcp.flags.reset == 1 and ip.ttl < 64'", Text: "Packets chosen by their fields, as in Wireshark."},
	{Line: "pktview -r trace.pcap --follow 'tcp port 80'", Text: "What the two sides of these streams said."},
	{Line: "pktview -r trace.pcap --keylog keys.txt --follow 'tcp port 443'", Text: "The same inside of TLS, with the secrets that a program logged."},
	{Line: "pktview -r trace.pcap --extract bodies", Text: "The bodies of HTTP messages as files."},
	{Line: "pktview -r trace.pcap --fields frame.time,ip.src,tcp.dstport --format csv tcp", Text: "A table of chosen fields."},
	{Line: "pktview -r trace.pcap --json udp port 53 | jq .layers", Text: "JSON Lines for other programs."},
}

func newCommand(o *options) *cli.Command {
	c := cli.New("pktview", "capture live traffic or read capture files; filter, decode, count and write them")
	c.Usage = []string{"[-i INTERFACE]... [flags] [EXPRESSION]", "--drops [flags] [EXPRESSION]", "-r FILE... [flags] [EXPRESSION]", "-D"}
	c.Long = "EXPRESSION is a filter in the language of pcap-filter(7). Without -i and -r, every interface is captured.\n\n" +
		"Files are pcap, pcapng or Solaris' snoop, plain or packed with gzip or zstd, told by what they hold; what -w writes is told by its name: " +
		".pcap or .pcapng, then perhaps .gz or .zst; or .parquet, a table with a row for each packet. Several -r are merged by time. Converting one pcapng file to another keeps all of it."
	c.Examples = examples
	c.Privilege = "Reading files needs none. Capturing needs cap_net_raw, which is given up as soon as the interfaces are open; files are written " +
		"without it. Owners need root, or cap_bpf, cap_perfmon and cap_net_admin too; another network namespace needs cap_sys_admin. " +
		"--drops needs root, or cap_bpf, cap_perfmon and cap_syslog (for the names of functions), given up in the same way."
	c.ExitStatus = "an expression was given, and no packet of the files matched it"
	c.Color = true
	c.Elsewhere = elsewhere
	f := c.Flags
	for _, flag := range []struct{ name, short, usage string }{
		{"line-buffered", "l", "lines are always written as they come"}, {"packet-buffered", "U", "files are always written as packets come"},
	} {
		f.BoolP(flag.name, flag.short, false, flag.usage+"; taken for tcpdump's sake")
		f.Lookup(flag.name).Hidden = true
	}
	f.StringP("relinquish-privileges", "Z", "", "rights are always given up; `USER` is taken for tcpdump's sake")
	f.Lookup("relinquish-privileges").Hidden = true
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, "capture on `INTERFACE`, or on all with any; may be repeated")
	f.StringArrayVarP(&o.read, "read", "r", nil, "read `FILE`, - for standard input; may be repeated")
	f.BoolVarP(&o.list, "list-interfaces", "D", false, "list the interfaces and end")
	f.BoolVar(&o.drops, "drops", false, "the packets that this host's kernel drops, each with its reason, instead of what passes interfaces")
	f.StringVarP(&o.write, "write", "w", "", "write packets to `FILE`, - for standard output, and do not print them")
	f.StringVar(&o.tables, "tables", "", "write packets, flows, streams, dns, http, tls, icmp and drops as tables below `DIR`, parted by date and hour")
	f.StringVar(&o.share, "share", "", "with -w and --tables: what is safe to hand on: addresses mapped by the key in `KEYFILE`, or by a random one, payloads zero, names hashed")
	f.Lookup("share").NoOptDefVal = randomKey
	f.BoolVar(&o.withData, "with-data", false, "with -w FILE.parquet and --tables: the captured bytes too, as the column data")
	f.BoolVar(&o.print, "print", false, "print them too when writing")
	f.Int64VarP(&o.count, "count", "c", 0, "stop after `N` packets that match")
	cli.DurationVar(f, &o.duration, "duration", "", 0, "stop capturing after `TIME`")
	f.StringVarP(&o.filterFile, "filter-file", "F", "", "read the expression from `FILE`")
	f.StringVar(&o.whereText, "where", "", "take the packets whose fields fit `CONDITION`, a display filter such as 'dns.qry.name contains \"example\"': see --help where")
	f.CountVarP(&o.dump, "dump-filter", "d", "print the compiled filter and end: -d assembly, -dd C, -ddd decimal numbers")
	f.BoolVar(&o.explain, "explain", false, "say what the expression means, which bytes it reads and what may not be meant, and end")
	f.BoolVar(&o.why, "why", false, "with -r: print every packet, and below it what each part of the expression gave on it")
	f.StringVarP(&o.linkFlag, "linktype", "y", "", "with -d and --explain: compile for the link type `NAME`, such as EN10MB or RAW")
	f.StringVar(&o.netmask, "netmask", "", "the IPv4 `MASK` of the captured network, such as 255.255.255.0, which 'ip broadcast' needs with -r")
	f.Var(&o.from, "from", "leave out packets before `WHEN`: 15:04:05, 2006-01-02T15:04:05Z, seconds since 1970, or +TIME after the first packet")
	f.Var(&o.to, "to", "end at `WHEN`; +TIME counts from --from where that is given")
	f.StringVar(&o.numbersText, "packets", "", "with -r: take the packets with these `NUMBERS`, such as 1-10,15,20-")
	f.StringVar(&o.dedupText, "dedup", "", "with -r: leave out copies of one of the `WINDOW` packets before, or of that time before")
	f.Lookup("dedup").NoOptDefVal = "5"
	f.StringVar(&o.shiftText, "shift", "", "with -r: add `TIME` to the time of each packet, such as 1h or -2.5s")
	f.IntVarP(&o.snaplen, "snaplen", "s", 0, "keep `N` bytes of each packet; 0 keeps all")
	cli.SizeVar(f, &o.memory, "memory", "", 0, "with -r: let names, comments and interfaces of a file take `SIZE` (default 32MiB)")
	f.BoolVarP(&o.noPromiscuous, "no-promiscuous-mode", "p", false, "only take frames that are for this machine")
	c.Values("direction", "in", "out", "inout")
	f.StringVarP(&o.directionFlag, "direction", "Q", "inout", "take frames that go `WAY`: in, out or inout")
	cli.SizeVar(f, &o.buffer, "buffer-size", "B", 0, "kernel buffer of `SIZE` (default 16MiB); a bare number is KiB, as in tcpdump")
	f.BoolVar(&o.immediate, "immediate-mode", false, "hand over each packet at once; the default when packets are printed")
	f.BoolVar(&o.deviceTime, "device-time", false, "use the time stamps of the device's own clock")
	f.StringVarP(&o.sizeFlag, "rotate-size", "C", "", "begin a new file after `SIZE`; a bare number is millions of bytes, as in tcpdump")
	cli.DurationVar(f, &o.rotation.Every, "rotate-time", "G", 0, "begin a new file every `TIME`; conversions of strftime(3) in the name, such as %H%M, get the time")
	f.Int64Var(&o.rotation.Count, "rotate-count", 0, "begin a new file after `N` packets")
	f.StringVar(&o.split, "split", "", "with -r and -w: write a file for each `KIND`; link is the link type, of which pcap holds one, named before the extension")
	f.IntVarP(&o.rotation.Keep, "keep-files", "W", 0, "keep the newest `N` files of -C, -G and --rotate-count")
	f.CountVarP(&o.timeCount, "time", "t", "how times are printed: -t not, -tt since 1970, -ttt since the packet before, -tttt with the date, -ttttt since the first")
	f.BoolVar(&o.utc, "utc", false, "print times in UTC")
	f.BoolVar(&o.nano, "nano", false, "print nanoseconds; --json always does")
	f.CountVarP(&o.verbose, "verbose", "v", "a tree of all fields with their bytes below each line")
	f.CountVarP(&o.hex, "hex", "x", "the bytes in hexadecimal, each layer on a line of its own")
	hexAscii := f.VarPF(&counter{&o.hex, &o.ascii}, "hex-ascii", "X", "the bytes in hexadecimal and as text")
	hexAscii.NoOptDefVal = "true"
	asciiOnly := f.VarPF(&counter{nil, &o.ascii}, "ascii", "A", "the bytes as text")
	asciiOnly.NoOptDefVal = "true"
	f.BoolVarP(&o.linkLayer, "link-layer", "e", false, "print link-layer addresses")
	f.BoolVarP(&o.absolute, "absolute-tcp-sequence-numbers", "S", false, "print absolute TCP sequence numbers")
	f.BoolVarP(&o.number, "number", "#", false, "print the number of each packet")
	f.BoolVarP(&o.noSums, "dont-verify-checksums", "K", false, "leave checksums unverified")
	f.StringSliceVar(&o.decodeAs, "decode", nil, "take what a port carries for a protocol, `PORT=PROTOCOL`, such as 8053=dns or udp/5004=rtp; list names all; payload leaves it undecoded; may be repeated")
	f.UintSliceVar(&o.rtp, "rtp", nil, "take UDP `PORT` for RTP, as --decode udp/PORT=rtp does; may be repeated")
	f.BoolVarP(&o.numeric, "numeric", "n", false, "print numbers; this is the default, see --resolve")
	f.BoolVar(&o.resolve, "resolve", false, "add the names of addresses, from the capture file and from the resolver")
	f.BoolVar(&o.json, "json", false, "JSON Lines: packets, or statistics, and a summary")
	f.StringVar(&o.fields, "fields", "", "print the `NAMES` of fields, with commas between, instead of lines, such as ip.src,tcp.dstport; list names all, ?TEXT those with TEXT in name or meaning")
	addOwnerFlags(f, o)
	c.Values("format", "text", "tsv", "csv")
	f.StringVar(&o.format, "format", "text", "`FORMAT` of --fields: text, tsv or csv, those with a line of names")
	f.StringVar(&o.separator, "separator", "", "with --fields: the `CHARACTER` between values, instead of a blank; a packet without one has nothing there")
	f.StringVar(&o.aggregator, "aggregator", ",", "with --fields: the `CHARACTER` between values of one field")
	c.Values("occurrence", "all", "first", "last")
	f.StringVar(&o.occurrence, "occurrence", "all", "with --fields: `WHICH` values of a field that a packet has several times: all, first or last")
	addFlowFlags(c, f, o)
	c.Topics = append(c.Topics, whereTopic())
	f.StringVar(&o.stats, "stats", "", "count instead of printing; `PARTS` of protocols,conversations,endpoints,lengths (default all of these),tcp,owners; with --drops, or a file that it wrote: drops")
	c.Values("stats", append([]string{"all", "tcp", "owners", "drops"}, statsParts...)...)
	f.Lookup("stats").NoOptDefVal = "all"
	f.StringVar(&o.report, "report", "", "draw packets, bits, protocols, round trips and the worst TCP streams as the page `FILE`.html, or as drawings in a folder, DIR/")
	f.BoolVar(&o.info, "info", false, "with -r: say what each file is: its format, times, rates, hashes, comments, interfaces")
	f.IntVar(&o.top, "top", 20, "a view of who talks now, which changes; `N` rows at most; with --stats: the N largest conversations and endpoints; with --streams: the first N; 0 for all")
	f.Lookup("top").NoOptDefVal = "20"
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no summary on standard error")
	return c
}

// counter is a flag without a value that sets both of what it points to.
type counter struct {
	n   *int
	set *bool
}

func (c *counter) String() string { return "" }
func (c *counter) Type() string   { return "bool" }
func (c *counter) Set(string) error {
	*c.set = true
	if c.n != nil {
		*c.n++
	}
	return nil
}

func (o *options) check(args []string) error {
	if err := o.checkTables(); err != nil {
		return err
	}
	switch {
	case len(o.read) > 0 && len(o.interfaces) > 0:
		return cli.Usagef("-i captures and -r reads: give one of them")
	case o.count < 0:
		return cli.Usagef("--count %d is below 0", o.count)
	case o.snaplen < 0 || o.snaplen > 262144:
		return cli.Usagef("--snaplen %d is not in 0..262144", o.snaplen)
	case o.top < 0:
		return cli.Usagef("--top %d is below 0", o.top)
	case o.timeCount > int(decode.TimeFirst):
		return cli.Usagef("-t can be given five times, not %d", o.timeCount)
	case o.dump > int(filter.ListDecimal):
		return cli.Usagef("-d can be given three times, not %d", o.dump)
	case o.fields != "" && (o.json || o.stats != "" || o.why || o.write != "" && !o.print):
		return cli.Usagef("--fields prints packets in its own way: give it without --json, --stats and --why, and with -w only where --print is")
	case o.info && (len(o.read) == 0 || o.write != "" || o.stats != "" || o.fields != "" || o.why || len(args) > 0 || o.filterFile != ""):
		return cli.Usagef("--info is about whole files: give it with -r, and without an expression, -w, --stats and --fields")
	case o.format != "text" && o.fields == "":
		return cli.Usagef("--format is of --fields: give both")
	case (o.separator != "" || o.aggregator != "," || o.occurrence != "all") && o.fields == "":
		return cli.Usagef("--separator, --aggregator and --occurrence are of --fields: give both")
	case o.separator != "" && o.format != "text":
		return cli.Usagef("--separator is of --format text: %s has its own", o.format)
	case o.stats != "" && o.write != "":
		return cli.Usagef("--stats counts and -w writes: give one of them")
	case len(o.read) > 0 && (o.deviceTime || o.duration != 0 || o.buffer != 0):
		return cli.Usagef("--device-time, --duration and --buffer-size are for capturing, not for reading")
	case o.why && (len(o.read) == 0 || o.write != "" || o.stats != "" || o.json):
		return cli.Usagef("--why prints the packets of files: give it with -r, and without -w, --stats and --json")
	case len(o.read) == 0 && (o.from.set || o.to.set):
		return cli.Usagef("--from and --to are for reading; --duration ends a capture")
	}
	if o.owner && o.stats == "all" && len(args) > 0 && args[0] == "owners" { // --stats owners: it takes no word behind a space
		o.stats, args = "owners", args[1:]
	}
	if err := o.checkOwner(); err != nil {
		return err
	}
	if err := o.checkTop(); err != nil {
		return err
	}
	if err := o.checkFlow(); err != nil {
		return err
	}
	if err := o.checkFields(); err != nil {
		return err
	}
	if err := o.checkEdits(); err != nil {
		return err
	}
	if err := o.checkSizes(); err != nil {
		return err
	}
	if err := o.checkShare(); err != nil {
		return err
	}
	switch o.directionFlag {
	case "in":
		o.direction = capture.DirectionIn
	case "out":
		o.direction = capture.DirectionOut
	case "inout":
	default:
		return cli.Usagef("--direction is in, out or inout, not %q", o.directionFlag)
	}
	if (o.drops || len(o.read) > 0) && o.stats == "all" && len(args) > 0 && args[0] == "drops" { // --stats drops: it takes no word behind a space
		o.stats, args = "drops", args[1:]
	}
	if err := o.checkDrops(); err != nil {
		return err
	}
	if err := o.checkStats(); err != nil {
		return err
	}
	if err := o.checkReport(); err != nil {
		return err
	}
	if err := o.checkMask(); err != nil {
		return err
	}
	if err := o.checkLink(); err != nil {
		return err
	}
	if len(o.read) == 0 && len(o.interfaces) == 0 {
		o.interfaces = []string{capture.Any}
	}
	if err := o.checkDecode(); err != nil {
		return err
	}
	if err := o.parseFilter(args); err != nil {
		return err
	}
	if err := o.checkWhere(); err != nil {
		return err
	}
	if o.expression == "tcp" && o.stats == "all" { // --stats tcp: the expression is the name of a part too
		o.parts["tcp"] = true
	}
	if err := o.checkKeylog(); err != nil {
		return err
	}
	if o.filter == nil && o.where == nil && (o.explain || o.why) {
		return cli.Usagef("--explain and --why are about an expression, and there is none")
	}
	return nil
}

// randomKey is what --share has without a key: one that nobody has afterwards.
const randomKey = "random"

// checkShare reads the key of --share.
func (o *options) checkShare() error {
	var key []byte
	switch {
	case o.share == "":
		return nil
	case o.write == "":
		return cli.Usagef("--share is about what is written: give -w FILE or --tables DIR")
	case o.drops:
		return cli.Usagef("what --drops tells of sockets is not to be shared: give it without --share")
	case o.share != randomKey:
		var err error
		if key, err = o.readFile(o.share); err != nil {
			return cli.WithHint(err, "a key is made by: head -c 32 /dev/urandom > KEYFILE")
		}
		if key == nil {
			key = []byte{}
		}
	}
	var err error
	if o.sharer, err = share.New(key); err != nil {
		return cli.WithHint(err, "a key is made by: head -c 32 /dev/urandom > KEYFILE")
	}
	return nil
}

// checkDrops refuses what --drops cannot be with.
func (o *options) checkDrops() error {
	counts := o.stats == "drops"
	switch {
	case counts && !o.drops && len(o.read) == 0:
		return cli.Usagef("--stats drops counts what --drops tells: give both, or -r with a file that --drops wrote")
	case counts && !o.drops && (o.write != "" || o.analyses() || o.streams || o.followText != "" || o.extract != "" || o.flowText != "" || o.report != ""):
		return cli.Usagef("--stats drops of a file only counts: give it without flags that write, follow or choose by stream")
	case !o.drops:
		return nil
	case len(o.read) > 0:
		return cli.Usagef("--drops is about what this host drops now: give it without -r; what -w wrote of it is read without --drops")
	case o.stats != "" && !counts:
		return cli.Usagef("with --drops, --stats counts drops: --stats drops")
	case o.streams || o.followText != "" || o.extract != "" || o.flowText != "":
		return cli.Usagef("--drops shows single packets: give it without --flow, --streams, --follow and --extract")
	case o.deviceTime || o.directionFlag != "inout" || o.noPromiscuous:
		return cli.Usagef("--drops is no capture of an interface: give it without --device-time, -Q and -p")
	case o.snaplen > 65535:
		return cli.Usagef("with --drops, --snaplen is at most 65535")
	}
	return nil
}

// takeFiles takes arguments in front that are files, and no part of an expression, for what -r reads: pktview web.pcap.
func (o *options) takeFiles(env *cli.Env, args []string) []string {
	if len(o.interfaces) > 0 || len(o.read) > 0 || o.list || len(args) == 0 {
		return args
	}
	if _, err := filter.Parse(strings.Join(args, " ")); err == nil {
		return args
	}
	for len(args) > 0 {
		info, err := os.Stat(args[0])
		if err != nil || info.IsDir() {
			break
		}
		if !o.quiet && !o.json {
			env.Warnf("%s is a file: reading it, as with -r", args[0])
		}
		o.read, args = append(o.read, args[0]), args[1:]
	}
	return args
}

// countsOnly tells whether no packets are printed, but what is counted or found in them.
func (o *options) countsOnly() bool {
	return o.stats != "" || o.streams || o.followText != "" || o.extract != ""
}

// analyses tells whether anything asks for an analysis.
func (o *options) analyses() bool {
	switch {
	case o.choice != nil, o.joinsMessages(), o.hasFlow, o.streams, o.parts["tcp"], o.followText != "", o.extract != "":
		return true
	}
	return !o.drops && o.prints() && o.fields == "" && (o.marks || o.reassemble || o.defragment)
}

// prints tells whether packets are shown as they come.
func (o *options) prints() bool { return !o.countsOnly() && (o.write == "" || o.print) }

// isTable tells whether what is written is a table.
func (o *options) isTable() bool { return o.tables != "" || isTableName(o.write) }

func isTableName(name string) bool { return strings.EqualFold(filepath.Ext(name), ".parquet") }

// rotates tells whether -w names a row of files.
func (o *options) rotates() bool {
	return o.rotation.Size > 0 || o.rotation.Every > 0 || o.rotation.Count > 0
}

// prompt tells whether what comes of a packet is to be seen at once.
func (o *options) prompt() bool {
	return o.prints() || o.follow != nil || o.extract != "" || o.write == "-"
}

// newDecoder returns the Decoder that the flags ask for.
func (o *options) newDecoder() decode.Decoder {
	// Statistics do not tell checksums, but a stream takes nothing from a packet whose own is wrong.
	return decode.Decoder{SkipChecksums: o.noSums || o.stats != "" && !o.parts["tcp"], Ports: o.ports}
}

func (o *options) checkSizes() error {
	var err error
	if o.sizeFlag != "" {
		if n, e := strconv.ParseInt(o.sizeFlag, 10, 32); e == nil {
			o.rotation.Size = n * 1_000_000
		} else if o.rotation.Size, err = cli.ParseSize(o.sizeFlag); err != nil {
			return cli.Usagef("--rotate-size: %v", err)
		}
		if o.rotation.Size < 1000 {
			return cli.Usagef("--rotate-size %s is below 1000 bytes", o.sizeFlag)
		}
	}
	if o.buffer > 0 && o.buffer < 64<<10 { // as tcpdump's -B takes it
		o.buffer <<= 10
	}
	switch {
	case o.buffer < 0 || o.buffer > 1<<30 || (o.buffer > 0 && o.buffer < 64<<10):
		return cli.Usagef("--buffer-size is 64KiB to 1GiB")
	case o.rotation.Every != 0 && o.rotation.Every < time.Second:
		return cli.Usagef("--rotate-time %v is below a second", o.rotation.Every)
	case o.rotation.Count < 0 || o.rotation.Keep < 0:
		return cli.Usagef("--rotate-count and --keep-files cannot be negative")
	}
	rotates := o.rotation.Size > 0 || o.rotation.Every > 0 || o.rotation.Count > 0
	switch {
	case rotates && (o.write == "" || o.write == "-"):
		return cli.Usagef("new files need a name to be made of: give -w FILE")
	case o.rotation.Keep > 0 && !rotates:
		return cli.Usagef("--keep-files needs -C, -G or --rotate-count")
	}
	return o.checkSplit()
}

var statsParts = []string{"protocols", "conversations", "endpoints", "lengths"}

func (o *options) checkStats() error {
	if o.stats == "" || o.stats == "drops" {
		return nil
	}
	o.parts = make(map[string]bool)
	for part := range strings.SplitSeq(o.stats, ",") {
		if part == "tcp" || part == "owners" { // they take longer than all others, so they are not among all
			o.parts[part] = true
			continue
		}
		if part == "all" {
			for _, p := range statsParts {
				o.parts[p] = true
			}
			continue
		}
		found := false
		for _, p := range statsParts {
			found = found || p == part
		}
		if !found {
			hint := ""
			if near := cli.Nearest(part, append(statsParts, "tcp", "owners")); near != "" {
				hint = fmt.Sprintf(" (did you mean %s?)", near)
			}
			return cli.Usagef("--stats has no part %q%s", part, hint)
		}
		o.parts[part] = true
	}
	return nil
}

// checkSplit checks --split.
func (o *options) checkSplit() error {
	switch {
	case o.split == "":
	case o.split != "link":
		return cli.Usagef("--split %q is not known: link is", o.split)
	case len(o.read) == 0 || o.write == "" || o.write == "-" || o.isTable() || o.rotates():
		return cli.Usagef("--split needs -r and a -w FILE of its own, without -C, -G, --rotate-count and tables")
	}
	return nil
}

// checkMask reads --netmask, which may be written as an address or as the length of a prefix.
func (o *options) checkMask() error {
	if o.netmask == "" {
		return nil
	}
	if bits, err := strconv.ParseUint(strings.TrimPrefix(o.netmask, "/"), 10, 8); err == nil && bits <= 32 {
		mask := uint64(1)<<32 - uint64(1)<<(32-bits)
		o.mask = netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)})
		return nil
	}
	a, err := netip.ParseAddr(o.netmask)
	if err != nil || !a.Is4() {
		return cli.Usagef("--netmask %q is no IPv4 mask, such as 255.255.255.0 or 24", o.netmask)
	}
	o.mask = a
	return nil
}

func (o *options) checkLink() error {
	o.link = capture.LinkEthernet
	if o.linkFlag == "" {
		return nil
	}
	if l, ok := capture.LinkTypeOf(strings.TrimPrefix(strings.ToUpper(o.linkFlag), "DLT_")); ok {
		o.link = l
		return nil
	}
	return cli.Usagef("--linktype %q is not known; EN10MB, RAW, LINUX_SLL2 are examples", o.linkFlag)
}

func (o *options) parseFilter(args []string) error {
	o.expression = strings.Join(args, " ")
	if o.filterFile != "" {
		if o.expression != "" {
			return cli.Usagef("the expression is given twice: %q and --filter-file %s", o.expression, o.filterFile)
		}
		text, err := o.readFile(o.filterFile)
		if err != nil {
			return fileError(err)
		}
		o.expression = strings.TrimSpace(string(text))
	}
	if o.expression == "" {
		return nil
	}
	var err error
	if o.filter, err = filter.Parse(o.expression); err != nil {
		return err
	}
	return nil
}

// caret returns the part of the expression that err is about, the place marked in the line below; or "".
func caret(err error) string {
	var wrong *filter.SyntaxError
	if !errors.As(err, &wrong) {
		return ""
	}
	return strings.TrimRight(wrong.Caret(), "\n") + "\n"
}

// fileError gives an error of opening a file its own hint, for the right that a capture needs does not help there.
func fileError(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return cli.WithHint(err, "the file is opened as the user who runs pktview: see who may with ls -l")
	}
	return err
}

// instant is a flag for a point in time of a capture.
type instant struct {
	text   string
	set    bool
	at     time.Time
	clock  bool          // only the time of day is given: on the day of the first packet
	offset time.Duration // relative
	isRel  bool
}

func (i *instant) String() string { return i.text }
func (i *instant) Type() string   { return "when" }

func (i *instant) Set(s string) error {
	*i = instant{text: s, set: true}
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		d, err := cli.ParseDuration(rest)
		i.offset, i.isRel = d, true
		return err
	}
	if sec, frac, _ := strings.Cut(s, "."); sec != "" && strings.Trim(sec+frac, "0123456789") == "" {
		n, err := strconv.ParseInt(sec, 10, 40)
		nano, err2 := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		i.at = time.Unix(n, nano)
		return errors.Join(err, err2)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			i.at = t
			return nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			i.at, i.clock = t, true
			return nil
		}
	}
	return errors.New("it is none of 15:04:05, 2006-01-02T15:04:05Z, seconds since 1970 and +10s")
}

// resolve returns the point in time, given the first packet's time and what an offset counts from.
func (i *instant) resolve(first, base time.Time, loc *time.Location) time.Time {
	switch {
	case !i.set:
		return time.Time{}
	case i.isRel:
		return base.Add(i.offset)
	case i.clock:
		d := first.In(loc)
		return time.Date(d.Year(), d.Month(), d.Day(), i.at.Hour(), i.at.Minute(), i.at.Second(), i.at.Nanosecond(), loc)
	}
	return i.at
}
