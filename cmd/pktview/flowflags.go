package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"sockwire/capture/filter"
	"sockwire/capture/flow"
	"sockwire/capture/flow/keylog"
	"sockwire/cmd/internal/cli"
)

// flowOptions are the flags about streams.
type flowOptions struct {
	marks      bool
	reassemble bool
	defragment bool
	flowText   string
	choice     *flow.Choice // nil without --flow
	hasFlow    bool         // a column of --fields is of the analysis
	hasVerdict bool         // and says what was found

	followText   string
	follow       *following // nil without --follow
	followAs     string
	side         string
	streams      bool
	sort         string
	extract      string
	extractLimit int64

	keylogFile string
	keys       *keylog.Log // also of what files hold
}

var followForms = []string{"text", "hex", "raw", "json"}

// following says which streams --follow is about: one of these.
type following struct {
	stream   int // a TCP stream; below 0 for none
	datagram int // a conversation of datagrams; below 0 for none
	filter   *filter.Filter
}

// defaultExtract is how much --extract writes in all.
const defaultExtract = 1 << 30

func addFlowFlags(c *cli.Command, f *pflag.FlagSet, o *options) {
	f.BoolVar(&o.marks, "marks", true, "say on the line of a packet what TCP did, such as [again: #12, timer 204 ms]")
	f.BoolVar(&o.reassemble, "reassemble", true, "show a message of HTTP, TLS or DNS that lies in several packets at the one that completes it")
	f.BoolVar(&o.defragment, "defragment", true, "show a datagram that came in fragments whole, at the packet that completes it")
	f.StringVar(&o.flowText, "flow", "", "take the packets of which `FINDING` holds, such as 'flow.lost and flow.stream == 3': see --help flow")
	f.BoolVar(&o.streams, "streams", false, "a table of the TCP streams: how long, how much, what was lost, and what held them back")
	c.Values("sort", flow.Orders()...)
	f.StringVar(&o.sort, "sort", flow.Orders()[0], "with --streams: in the order of `COLUMN`: "+strings.Join(flow.Orders(), ", "))
	f.StringVar(&o.followText, "follow", "", "print what the two sides of `STREAM` said: its number, udp:N for one of datagrams, or an expression whose packets' streams are meant")
	c.Values("follow-as", followForms...)
	f.StringVar(&o.followAs, "follow-as", "text", "with --follow: as `FORM`: "+strings.Join(followForms, ", "))
	c.Values("side", "client", "server")
	f.StringVar(&o.side, "side", "", "with --follow: only what `SIDE` said: client or >, server or <")
	f.StringVar(&o.keylogFile, "keylog", "", "open TLS 1.2 and 1.3 with the secrets in `FILE`, as programs write them where SSLKEYLOGFILE says; those in a pcapng file are taken without")
	f.StringVar(&o.extract, "extract", "", "write the bodies of HTTP messages to files in the folder `DIR`, which is made where it is not there")
	cli.SizeVar(f, &o.extractLimit, "extract-limit", "", defaultExtract, "with --extract: write at most `SIZE` in all")
	c.Topics = append(c.Topics, flowTopic())
}

// flowTopic lists what --flow takes.
func flowTopic() cli.Topic {
	var b strings.Builder
	b.WriteString("--flow chooses packets by what was found about them: names of findings, flow.stream == N (or !=, <, <=, >, >=), " +
		"joined by and, or, not and parentheses. The names:\n\n")
	for _, w := range flow.Words() {
		fmt.Fprintf(&b, "  flow.%-16s %s\n", w.Name, w.Means)
	}
	fmt.Fprintf(&b, "  flow.%-16s %s\n\n", "stream", "it is of a stream; or compared with the number of one")
	b.WriteString("What is found later counts too, up to 65536 packets later in a file. Of live traffic, and of what comes through a pipe, a packet is " +
		"chosen by what is known when it comes.\n\n" +
		"  pktview -r trace.pcap --flow 'flow.retransmission and not flow.spurious'\n" +
		"  pktview -r trace.pcap --flow 'flow.stream == 3' -w three.pcap")
	return cli.Topic{Name: "flow", Short: "What --flow can choose", Text: b.String()}
}

// checkKeylog opens the file of --keylog. Without it there may be secrets in what is read.
func (o *options) checkKeylog() (err error) {
	if o.keylogFile == "" {
		o.keys = new(keylog.Log)
		return nil
	}
	if o.follow == nil && o.extract == "" && !(o.reassemble && o.prints() && o.fields == "") && o.where == nil {
		return cli.Usagef("--keylog opens messages that are printed, followed or extracted: give it without -w, --stats, --streams and --fields")
	}
	if o.keys, err = keylog.Open(o.keylogFile); err != nil {
		return cli.WithHint(fileError(err), "a key log is what programs write to the file that SSLKEYLOGFILE names")
	}
	return nil
}

func (o *options) checkFlow() error {
	var err error
	if o.flowText != "" {
		if o.choice, err = flow.ParseChoice(o.flowText); err != nil {
			return inFlag("--flow", err)
		}
	}
	if err := o.checkModes(); err != nil {
		return err
	}
	if err := o.checkFollow(); err != nil {
		return err
	}
	switch {
	case o.extractLimit <= 0:
		return cli.Usagef("--extract-limit is above 0")
	case o.extractLimit != defaultExtract && o.extract == "":
		return cli.Usagef("--extract-limit is of --extract: give both")
	}
	if o.sort != flow.Orders()[0] && !o.streams {
		return cli.Usagef("--sort is of --streams: give both")
	}
	if _, ok := flow.OrderBy(o.sort); !ok {
		hint := ""
		if near := cli.Nearest(o.sort, flow.Orders()); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return cli.Usagef("--sort has no column %q%s: it is one of %s", o.sort, hint, strings.Join(flow.Orders(), ", "))
	}
	return nil
}

// checkModes refuses what cannot be done together.
func (o *options) checkModes() error {
	modes := []string{}
	for _, m := range []struct {
		name string
		on   bool
	}{
		{"--stats", o.stats != ""}, {"--streams", o.streams}, {"--report", o.report != ""}, {"--follow", o.followText != "" && o.report == ""},
		{"--extract", o.extract != ""}, {"--info", o.info},
	} {
		if m.on {
			modes = append(modes, m.name)
		}
	}
	if len(modes) == 0 {
		return nil
	}
	switch mode := modes[0]; {
	case len(modes) > 1:
		return cli.Usagef("%s and %s print different things: give one of them", mode, modes[1])
	case o.choice != nil:
		return cli.Usagef("--flow chooses packets that are printed or written, and %s prints none: give it without, or write the packets first with -w", mode)
	case mode == "--stats" && o.report == "" || mode == "--info":
		return nil // their own checks follow
	case o.write != "":
		return cli.Usagef("%s prints and -w writes packets: give one of them", mode)
	case o.fields != "" || o.why || o.verbose > 0 || o.hex > 0 || o.ascii:
		return cli.Usagef("%s prints no packets: give it without --fields, --why, -v, -x, -X and -A", mode)
	}
	return nil
}

// inFlag says in which flag an expression is wrong, and keeps the place.
func inFlag(name string, err error) error {
	var wrong *filter.SyntaxError
	if !errors.As(err, &wrong) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return &flagSyntaxError{name, wrong}
}

type flagSyntaxError struct {
	flag  string
	wrong *filter.SyntaxError
}

func (e *flagSyntaxError) Error() string {
	text := e.flag + ": column " + strconv.Itoa(e.wrong.Col) + ": " + e.wrong.Msg
	if e.wrong.Suggest != "" {
		text += "; did you mean " + e.wrong.Suggest + "?"
	}
	return text
}

func (e *flagSyntaxError) Unwrap() error { return e.wrong }

func (o *options) checkFollow() error {
	if o.followText == "" {
		if o.side != "" || o.followAs != "text" {
			return cli.Usagef("--side and --follow-as are of --follow: give it too")
		}
		return nil
	}
	if o.report != "" {
		return o.reportStream()
	}
	switch {
	case !slices.Contains(followForms, o.followAs):
		return cli.Usagef("--follow-as is text, hex, raw or json, not %q", o.followAs)
	case o.json && o.followAs != "text" && o.followAs != "json":
		return cli.Usagef("--json and --follow-as %s are two forms: give one of them", o.followAs)
	case o.json:
		o.followAs = "json"
	}
	o.json = o.followAs == "json"
	switch o.side {
	case "", "client", "server":
	case ">":
		o.side = "client"
	case "<":
		o.side = "server"
	default:
		return cli.Usagef("--side is client (or >) or server (or <), not %q", o.side)
	}
	if o.followAs == "raw" && o.side == "" {
		return cli.Usagef("raw bytes are those of one side: give --side client or --side server")
	}
	f := &following{stream: -1, datagram: -1}
	o.follow = f
	text, udp := strings.CutPrefix(o.followText, "udp:")
	n, err := strconv.ParseInt(text, 10, 31)
	switch {
	case err == nil && n >= 0 && udp:
		f.datagram = int(n)
	case err == nil && n >= 0:
		f.stream = int(n)
	case err == nil || udp:
		return cli.Usagef("--follow %s is no stream: streams are numbered from 0, as --streams and --json have them, and those of datagrams are udp:0 and so on", o.followText)
	default:
		if f.filter, err = filter.Parse(o.followText); err != nil {
			return inFlag("--follow", err)
		}
	}
	return nil
}
