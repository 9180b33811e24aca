package main

import (
	"net/netip"
	"os"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram"
)

// options are the flags and arguments, checked before a socket is opened.
type options struct {
	socket datagram.Socket

	count              int
	idle, duration     time.Duration
	size               int64
	print              datagram.Format
	json, quiet, brief bool
	verbose            bool

	joins       []string
	reuse       bool
	credentials bool
	unlink      bool

	echo        bool
	reply       string
	exec        string
	execTimeout time.Duration
	services    bool
	write, save string

	addresses []datagram.Address
	udp       bool // one of them at least
	groups    []group
	config    *dgram.Config
	hasReply  bool
}

// group is a multicast group to join: of any source, or of one.
type group struct {
	source, group netip.Addr
	ifname        string
}

func newCommand(o *options) *cli.Command {
	c := cli.New("dgrecv", "receive, print, save and answer datagrams")
	c.Usage = []string{"[flags] ADDRESS..."}
	c.Long = "ADDRESS is HOST:PORT, :PORT for all addresses of IPv4 and IPv6, unix:PATH, unix:@NAME, or unix: for a name of the kernel's " +
		"choice. Datagrams of any sender are taken, an empty one too. One longer than --size is marked; those that the receive " +
		"buffer lost are counted to the last one."
	c.Examples = []cli.Example{
		{Line: "dgrecv :5000", Text: "Print what arrives on port 5000, with who sent it and how."},
		{Line: "dgrecv -c 1 --print raw :5000 > file", Text: "Save one datagram's bytes."},
		{Line: "dgrecv --join 192.0.2.9@232.1.1.1%eth0 :5000", Text: "Join a source-specific group on eth0."},
		{Line: "dgrecv --echo 127.0.0.1:7", Text: "Send every datagram back."},
		{Line: "dgrecv --exec 'tr a-z A-Z' unix:/run/upper", Text: "Answer with what a command makes of it."},
		{Line: "dgrecv --json -w notify.pcapng :5000", Text: "JSON Lines, and a capture file for other tools."},
	}
	c.Privilege = "None, but for ports below 1024 (cap_net_bind_service) and buffers above net.core.rmem_max (cap_net_admin)."
	c.ExitStatus = "fewer than -c datagrams, or none at all, before the time was up"
	c.Elsewhere = map[string]string{
		"i": "nc's -i has no meaning here; -I is the interface", "W": "nc's -W is -c, --count", "m": "ncat's -m has no meaning here: datagrams have no connections",
		"listen": "dgrecv always listens", "keep-open": "dgrecv takes any number of senders", "udp": "an address is UDP unless unix: says otherwise",
		"recv-only": "dgrecv sends only what --echo, --reply or --exec ask for", "sh-exec": "ncat's --sh-exec is --exec", "output": "ncat's --output is > FILE; --save makes a file of each datagram",
	}
	f := c.Flags
	f.IntVarP(&o.count, "count", "c", 0, "stop after `N` datagrams")
	cli.DurationVar(f, &o.idle, "idle", "", 0, "stop when nothing has arrived for `TIME`")
	cli.DurationVar(f, &o.duration, "duration", "", 0, "stop after `TIME`")
	cli.SizeVar(f, &o.size, "size", "s", 65535, "keep `SIZE` bytes of a datagram")
	o.print = datagram.Text
	c.Values("print", "text", "hex", "raw", "json", "none")
	f.VarP(&o.print, "print", "p", "print as `FORMAT`: text, hex, raw, json or none")
	f.BoolVar(&o.json, "json", false, "JSON Lines: datagrams and a summary")
	f.BoolVarP(&o.brief, "payload", "P", false, "with text and hex: the payload only, not where it came from")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "do not say where it listens, and no summary")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say how the sockets are set up, and errors of the network as they come")
	f.StringArrayVarP(&o.joins, "join", "j", nil, "join the multicast `GROUP`: [SOURCE@]GROUP[%IFACE]; may be repeated")
	f.BoolVar(&o.reuse, "reuse", false, "share the address with other sockets that ask for the same")
	f.BoolVar(&o.credentials, "credentials", false, "show the sender's process, user and group on Unix sockets")
	f.BoolVar(&o.unlink, "unlink", false, "replace a stale socket file")
	f.BoolVarP(&o.echo, "echo", "e", false, "send every datagram back")
	f.StringVarP(&o.reply, "reply", "r", "", "answer every datagram with `TEXT`")
	f.StringVarP(&o.exec, "exec", "x", "", "run `COMMAND` with sh for each datagram, which it reads; what it writes is the answer. DGRECV_FROM, "+
		"DGRECV_FROM_ADDRESS, DGRECV_FROM_PORT, DGRECV_TO, DGRECV_TO_PORT, DGRECV_INTERFACE, DGRECV_TTL, DGRECV_TOS, DGRECV_TIME and DGRECV_NUMBER say where it came from")
	cli.DurationVar(f, &o.execTimeout, "exec-timeout", "", 10*time.Second, "end a --exec command, and all that it started, after `TIME`")
	f.BoolVar(&o.services, "answer-services", false, "answer also what comes from ports of well-known services, such as all below 1024")
	f.StringVarP(&o.write, "write", "w", "", "write UDP datagrams to the capture `FILE`, IP headers rebuilt from what the kernel told")
	f.StringVar(&o.save, "save", "", "write each payload to a new file in `DIR`: 00000001.bin and so on, after those that are there")
	o.socket.AddFlags(c)
	datagram.Ignore(f, "l", "u", "k", "n")
	return c
}

func (o *options) check(c *cli.Command, args []string) error {
	if len(args) == 0 {
		return cli.Usagef("at least one address is needed")
	}
	for _, a := range datagram.JoinPorts(args) {
		if datagram.IsPort(a) {
			a = ":" + a // as nc takes it
		}
		address, err := datagram.ParseAddress(a, o.socket.Four, o.socket.Six)
		if err != nil && o.echo && strings.HasPrefix(a, "/") {
			return cli.WithHint(err, "-e sends every datagram back; a command to run is -x, --exec %s", a)
		}
		if err != nil {
			return err
		}
		o.udp = o.udp || address.Network != "unixgram"
		o.addresses = append(o.addresses, address)
	}
	o.hasReply = c.Flags.Changed("reply")
	switch {
	case cli.Given(o.echo, o.hasReply, o.exec != "") > 1:
		return cli.Usagef("--echo, --reply and --exec exclude each other")
	case o.count < 0:
		return cli.Usagef("--count cannot be negative")
	case o.size < 0 || o.size > 1<<20:
		return cli.Usagef("--size is 0 to 1 MiB")
	case datagram.IsPort(o.write):
		return cli.WithHint(cli.Usagef("-w %s would be a capture file of that name", o.write), "nc's -w %s is --idle %[1]ss; a file of that name is -w ./%[1]s", o.write)
	case o.write != "" && !o.udp:
		return cli.Usagef("--write holds UDP datagrams only, and no address is of that kind")
	case len(o.joins) > 0 && !o.udp:
		return cli.Usagef("only UDP has groups to join")
	}
	if o.json {
		o.print = datagram.JSON
	}
	o.json = o.print == datagram.JSON
	if o.save != "" {
		if info, err := os.Stat(o.save); err != nil || !info.IsDir() {
			return cli.Usagef("--save %s is no directory", o.save)
		}
	}
	for _, s := range o.joins {
		g, err := parseGroup(s)
		if err != nil {
			return err
		}
		o.groups = append(o.groups, g)
	}
	var err error
	if o.config, err = o.socket.Config(); err != nil {
		return err
	}
	o.config.ReuseAddr = o.reuse
	o.config.Credentials = o.credentials
	o.config.ReplaceStale = o.unlink
	o.config.MarkReplies, o.config.AnswerServices = o.answers(), o.services
	return nil
}

// answers tells whether datagrams are answered.
func (o *options) answers() bool { return o.echo || o.hasReply || o.exec != "" }

func parseGroup(s string) (g group, err error) {
	rest, ifname, _ := strings.Cut(s, "%")
	g.ifname = ifname
	if source, grp, ok := strings.Cut(rest, "@"); ok {
		if g.source, err = netip.ParseAddr(source); err != nil {
			return g, cli.Usagef("--join %s: %q is no address", s, source)
		}
		rest = grp
	}
	if g.group, err = netip.ParseAddr(rest); err != nil || !g.group.IsMulticast() {
		return g, cli.Usagef("--join %s: %q is no multicast address", s, rest)
	}
	return g, nil
}
