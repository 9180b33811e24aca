package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram"
)

// options are the flags and arguments, checked before a socket is opened.
type options struct {
	socket datagram.Socket

	hex, file   string
	line        bool
	record      int64
	count       int
	interval    time.Duration
	from        string
	unconnected bool
	fds         []string

	reply   int
	wait    time.Duration
	tries   int
	backoff float64
	print   datagram.Format
	json    bool
	quiet   bool
	verbose bool

	replay replayOptions

	to      datagram.Address
	text    string
	hasText bool
	config  *dgram.Config
	waitSet bool
}

func newCommand(o *options) *cli.Command {
	c := cli.New("dgsend", "send datagrams and wait for answers")
	c.Usage = []string{"[flags] ADDRESS [TEXT]"}
	c.Long = "ADDRESS is HOST:PORT, [IPV6]:PORT, unix:PATH or unix:@NAME. Without TEXT, --hex, --file or --pcap, standard input is one " +
		"datagram, whole and unchanged; --line and --record make several of it. One that is too large is refused, never cut.\n\n" +
		"A port that nobody listens on is an error (exit status 1), told by ICMP: dgsend waits a moment for it, see --wait. " +
		"With --reply it waits for answers from the address it asked, and asks again with growing patience."
	c.Examples = []cli.Example{
		{Line: "dgsend 192.0.2.7:514 '<13>hello'", Text: "Send one line to a syslog server."},
		{Line: "{ printf '\\033'; head -c 47 /dev/zero; } | dgsend -r 1 -p hex 192.0.2.7:123", Text: "Ask an NTP server, and print the answer in hex."},
		{Line: "seq 3 | dgsend --line 192.0.2.7:9000", Text: "Three datagrams, not one."},
		{Line: "dgsend -I eth0 -t 4 239.1.2.3:5000 hello", Text: "Multicast through eth0, over at most three routers."},
		{Line: "dgsend --pcap dns.pcap --speed 2 192.0.2.53:53", Text: "Hold a recorded conversation again, twice as fast, and show how the answers differ."},
	}
	c.Privilege = "None, but for source ports below 1024 (cap_net_bind_service) and buffers above net.core.rmem_max (cap_net_admin)."
	c.ExitStatus = "no answer, an answer that differs (--pcap), or the network said that the datagram could not be delivered"
	c.Color = false
	c.Elsewhere = map[string]string{
		"w": "nc's -w is -W, --wait", "s": "nc's -s is --from ADDRESS:0", "T": "nc's -T is --tos", "z": "an empty datagram asks a port as well: dgsend HOST:PORT ''",
		"k": "what listens is dgrecv, which takes any number of senders", "e": "what runs a command is dgrecv --exec", "N": "UDP has no end to tell of",
		"source": "ncat's --source is --from ADDRESS:0", "source-port": "ncat's --source-port is --from :PORT", "listen": "what listens is dgrecv",
		"ttl-multicast": "it is --ttl",
	}
	f := c.Flags
	f.StringVar(&o.hex, "hex", "", "send these `BYTES`, in hexadecimal; spaces and colons do not matter")
	f.StringVarP(&o.file, "file", "f", "", "send the contents of `FILE` (- is standard input)")
	f.BoolVarP(&o.line, "line", "l", false, "one datagram for each line, without its end")
	cli.SizeVar(f, &o.record, "record", "", 0, "one datagram for each `SIZE` bytes")
	f.IntVarP(&o.count, "count", "c", 1, "send everything `N` times")
	cli.DurationVar(f, &o.interval, "interval", "i", 0, "`TIME` between datagrams")
	f.StringVar(&o.from, "from", "", "send from `ADDRESS`: HOST:PORT, :PORT, unix:PATH or unix:@NAME")
	f.BoolVarP(&o.unconnected, "unconnected", "u", false, "do not connect the socket; group and broadcast traffic never does")
	f.StringArrayVar(&o.fds, "fd", nil, "pass descriptor `N` or an opened file over a Unix socket; may be repeated")
	f.IntVarP(&o.reply, "reply", "r", 0, "wait for `N` answers to each datagram")
	cli.DurationVar(f, &o.wait, "wait", "W", 0, "wait `TIME` for an answer, 1s unless told; without --reply, for an error, 100ms unless told")
	f.IntVar(&o.tries, "tries", 3, "ask `N` times")
	f.Float64Var(&o.backoff, "backoff", 2, "wait `N` times as long after each try")
	o.print = datagram.Text
	c.Values("print", "text", "hex", "raw", "json", "none")
	f.VarP(&o.print, "print", "p", "print answers as `FORMAT`: text, hex, raw, json or none")
	f.BoolVar(&o.json, "json", false, "JSON Lines: sent datagrams, answers, errors and a summary")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print no summary line")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say what is sent, from where, and how the socket is set up")
	o.replay.addFlags(f)
	o.socket.AddFlags(c)
	datagram.Ignore(f, "n")
	return c
}

// check validates everything and settles what follows from it.
func (o *options) check(c *cli.Command, args []string) (err error) {
	if len(args) > 1 {
		args = append(datagram.JoinPorts(args[:2]), args[2:]...)
	}
	if len(args) == 0 || len(args) > 2 {
		return cli.Usagef("one address and at most one text are needed, not %d arguments", len(args))
	}
	if datagram.IsPort(args[0]) {
		return cli.WithHint(cli.Usagef("%s is a port, and no host to send to", args[0]), "to receive there: dgrecv :%s", args[0])
	}
	if o.to, err = datagram.ParseAddress(args[0], o.socket.Four, o.socket.Six); err != nil {
		return err
	}
	if o.to.Text == "" {
		return cli.Usagef("a Unix socket to send to needs a name")
	}
	if strings.HasSuffix(o.to.Text, ":0") && o.to.Network != "unixgram" {
		return cli.Usagef("%s: port 0 is nobody's", args[0])
	}
	if len(args) == 2 {
		o.text, o.hasText = args[1], true
	}
	o.waitSet = c.Flags.Changed("wait")
	switch {
	case cli.Given(o.hasText, o.hex != "", o.file != "", o.replay.file != "") > 1:
		return cli.Usagef("TEXT, --hex, --file and --pcap exclude each other")
	case o.line && o.record > 0:
		return cli.Usagef("--line and --record exclude each other")
	case o.record < 0 || o.record > dgram.MaxPayload6:
		return cli.Usagef("--record is at most %d bytes", dgram.MaxPayload6)
	case o.count < 1:
		return cli.Usagef("--count is at least 1")
	case o.reply < 0:
		return cli.Usagef("--reply cannot be negative")
	case o.tries < 1:
		return cli.Usagef("--tries is at least 1")
	case o.backoff < 1 || o.backoff > 100:
		return cli.Usagef("--backoff is 1 to 100")
	case len(o.fds) > 0 && o.to.Network != "unixgram":
		return cli.Usagef("descriptors pass over Unix sockets only")
	}
	if o.json {
		o.print = datagram.JSON
	}
	o.json = o.print == datagram.JSON
	if o.config, err = o.socket.Config(); err != nil {
		return err
	}
	if o.from != "" {
		from, err := datagram.ParseAddress(o.from, o.socket.Four, o.socket.Six)
		if err != nil {
			return err
		}
		if (from.Network == "unixgram") != (o.to.Network == "unixgram") {
			return cli.Usagef("--from %s and %s are of different kinds", o.from, args[0])
		}
		o.config.Local = from.Text
		if from.Network == "unixgram" && !strings.HasPrefix(from.Text, "@") {
			if o.config.Local, err = filepath.Abs(from.Text); err != nil { // the peer may be in another directory
				return fmt.Errorf("--from: %w", err)
			}
		}
	}
	return o.checkHex()
}

func (o *options) checkHex() error {
	if o.hex == "" {
		return nil
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == ':' {
			return -1
		}
		return r
	}, o.hex)
	b, err := hex.DecodeString(digits)
	if err != nil {
		return cli.Usagef("--hex %q: %v", o.hex, err)
	}
	o.text, o.hasText = string(b), true
	return nil
}

// passed opens what --fd names.
func (o *options) passed() (files []*os.File, err error) {
	for _, s := range o.fds {
		var n uintptr
		if _, scanErr := fmt.Sscanf(s, "%d", &n); scanErr == nil && fmt.Sprint(n) == s {
			f := os.NewFile(n, "fd "+s)
			if _, err := f.Stat(); err != nil {
				return nil, cli.Usagef("--fd %s: this descriptor is not open", s)
			}
			files = append(files, f)
			continue
		}
		f, err := os.Open(s)
		if err != nil {
			return nil, fmt.Errorf("--fd: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// input is where the payloads come from.
func (o *options) input(ctx context.Context, env *cli.Env) (io.Reader, func(), error) {
	switch {
	case o.hasText:
		return strings.NewReader(o.text), func() {}, nil
	case o.file != "" && o.file != "-":
		f, err := env.Open(ctx, o.file)
		if err != nil {
			return nil, nil, fmt.Errorf("--file: %w", err)
		}
		return f, func() { f.Close() }, nil
	default:
		return env.Stdin, func() {}, nil
	}
}
