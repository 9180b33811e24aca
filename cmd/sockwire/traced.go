package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"sockwire/capture/trace"
	"sockwire/cmd/internal/cli"
)

// traceOptions are what the flags say about tracing a program.
type traceOptions struct {
	pid     int
	engine  string
	isolate bool
	wait    bool
	data    int
	noData  bool
	summary bool
	output  string
	calls   []string
	kinds   []string
	sockets []string
}

// traces tells whether a program is to be traced rather than a scene played.
func (o *options) traces(c *cli.Command) bool {
	return c.Flags.ArgsLenAtDash() >= 0 || c.Flags.Changed("pid")
}

// Flags that mean something to one of the two uses only.
var (
	sceneFlags  = []string{"message", "size", "count", "ipv4", "ipv6", "verbose"}
	traceFlags  = []string{"engine", "isolate", "wait", "data", "no-data", "summary", "calls", "only", "socket"}
	kindsOfOnly = []string{"stream", "datagram", "raw", "unix", "other"}
	engines     = []string{"auto", "ebpf", "ptrace"}
)

// defineTrace adds the flags for tracing a program.
func (o *options) defineTrace(c *cli.Command) {
	f, t := c.Flags, &o.trace
	f.IntVarP(&t.pid, "pid", "p", 0, "trace the running process `PID` and let it go on at the end")
	f.StringVar(&t.engine, "engine", "auto", "trace with `ENGINE`: ebpf (needs root, or CAP_BPF and CAP_PERFMON), ptrace, or auto: ebpf where it can be; with ebpf this command runs at a lower priority than the program that it starts")
	f.BoolVar(&t.isolate, "isolate", false, "run COMMAND in a network of its own: only loopback, with --mtu, no offload; needs no root, and there it runs as root")
	f.BoolVar(&t.wait, "wait", false, "show poll, select and epoll too: what each waits for, what was ready and what ended it; the summary then says how long each socket was waited for (a wait for several counts at each)")
	f.IntVar(&t.data, "data", 32, "keep the first `N` bytes of what a call sends or receives")
	f.BoolVar(&t.noData, "no-data", false, "keep nothing of what calls send or receive")
	f.BoolVar(&t.summary, "summary", false, "show no timeline, but what each call and each socket did in total")
	f.StringVarP(&t.output, "output", "o", "", "write the timeline to `FILE`, - is standard output; without, standard error for COMMAND, standard output for -p and for scenes. FILE.html: a page to look at; FILE.svg: a drawing; FILE.perfetto.json: for Perfetto; FILE.pkt: a packetdrill script of one socket")
	f.StringSliceVar(&t.calls, "calls", nil, "show only these calls: `NAME,…`")
	f.StringSliceVar(&t.kinds, "only", nil, "show only sockets of these kinds: `KIND,…` of "+strings.Join(kindsOfOnly, ", "))
	c.Values("only", kindsOfOnly...)
	c.Values("engine", engines...)
	f.StringSliceVar(&t.sockets, "socket", nil, "show only these sockets, by their names in the timeline: `NAME,…` such as s1,s2")
}

// checkUse refuses flags that belong to the other use of the command.
func (o *options) checkUse(c *cli.Command, args []string) error {
	traced, dash := o.traces(c), c.Flags.ArgsLenAtDash()
	wrong, because := traceFlags, "is for tracing a program: sockwire -- COMMAND"
	if traced {
		wrong, because = sceneFlags, "is for scenes, not for tracing a program"
	}
	for _, name := range wrong {
		if flag := c.Flags.Lookup(name); traced && flag.Changed && elsewhere[flag.Shorthand] != "" {
			return cli.WithHint(cli.Usagef("--%s %s", name, because), "%s", elsewhere[flag.Shorthand])
		}
		if c.Flags.Changed(name) {
			return cli.Usagef("--%s %s", name, because)
		}
	}
	t := &o.trace
	switch what := pictured(t.output); {
	case what != "" && (o.json || o.columns || t.summary || o.verbose):
		return cli.Usagef("-o %s is %s, which is neither JSON Lines nor text", t.output, what)
	case !traced && t.script():
		return cli.Usagef("-o %s is a packetdrill script, which is for tracing a program: sockwire -o %[1]s -- COMMAND", t.output)
	case !traced:
		return nil
	}
	switch {
	case dash > 0:
		return cli.Usagef("%q stands before --: a scene and a program cannot be mixed", args[0])
	case t.pid < 0 || c.Flags.Changed("pid") && t.pid == 0:
		return cli.Usagef("-p %d is no process", t.pid)
	case t.pid == 0 && len(args) == 0:
		return cli.Usagef("no command after --")
	case t.pid != 0 && len(args) > 0:
		return cli.Usagef("-p %d and a command cannot both be traced", t.pid)
	case !slices.Contains(engines, t.engine):
		return cli.Usagef("--engine %s: engines are %s", t.engine, strings.Join(engines, ", "))
	case t.pid != 0 && t.isolate:
		return cli.Usagef("--isolate is for a program that is started: process %d has its network already", t.pid)
	case c.Flags.Changed("mtu") && !t.isolate:
		return cli.Usagef("--mtu needs --isolate when a program is traced")
	case o.mtu < minMTU4 || o.mtu > maxMTU:
		return cli.Usagef("--mtu %d is not in %d..%d", o.mtu, minMTU4, maxMTU)
	case t.script() && (o.json || t.summary):
		return cli.Usagef("-o %s is a packetdrill script, which is neither JSON Lines nor a summary", t.output)
	case t.script() && len(t.sockets) > 1:
		return cli.Usagef("-o %s is a script of one socket, --socket names %d", t.output, len(t.sockets))
	case t.data < 0 || t.data > 65535:
		return cli.Usagef("--data %d is not in 0..65535", t.data)
	}
	for _, k := range t.kinds {
		if !slices.Contains(kindsOfOnly, k) {
			return cli.Usagef("--only %s: kinds are %s", k, strings.Join(kindsOfOnly, ", "))
		}
	}
	for _, s := range t.sockets {
		if n, err := strconv.ParseUint(strings.TrimPrefix(s, "s"), 10, 31); err != nil || n == 0 || fmt.Sprintf("s%d", n) != s {
			return cli.Usagef("--socket %q: sockets are named s1, s2, … as in the timeline", s)
		}
	}
	return nil
}

// create makes the file that -o names; nil when it names none, or standard output.
func (t *traceOptions) create() (*os.File, error) {
	if t.output == "" || t.output == "-" {
		return nil, nil
	}
	f, err := os.Create(t.output)
	if err != nil {
		return nil, cli.WithHint(err, "-o wants a file that can be created: the directory must exist and be writable")
	}
	return f, nil
}

// script tells whether a packetdrill script is to be written.
func (t *traceOptions) script() bool { return strings.HasSuffix(t.output, ".pkt") }

// kept is how many bytes of data a call keeps, as ptrace.Config has it.
func (t *traceOptions) kept() int {
	if t.noData || t.data == 0 {
		return -1
	}
	return t.data
}

// kindOf is what --only calls a socket.
func kindOf(s *trace.Socket) string {
	switch {
	case s == nil, s.Family == trace.FamilyUnknown, s.Family == trace.FamilyPacket:
		return "other"
	case s.Family == trace.FamilyUnix:
		return "unix"
	case s.Kind == trace.KindSeqpacket, s.Kind == trace.KindUnknown:
		return "other"
	}
	return s.Kind.String()
}

// shows tells whether the filters let a socket through.
func (t *traceOptions) shows(s *trace.Socket) bool {
	if len(t.kinds) > 0 && !slices.Contains(t.kinds, kindOf(s)) {
		return false
	}
	return len(t.sockets) == 0 || t.script() || s != nil && slices.Contains(t.sockets, s.Name)
}

// filter is the part of a timeline that the flags ask for. Packets of no socket of the program are left out
// unless nothing else can be on its network.
func (t *traceOptions) filter(all *trace.Timeline) *trace.Timeline {
	call := func(c *trace.CallRecord) bool {
		on := c.On
		if on == nil {
			on = c.Took
		}
		if on == nil {
			on = all.Made(c.Number)
		}
		shown := t.shows(on)
		if on == nil && !shown {
			shown = slices.ContainsFunc(c.Waits, func(w trace.Wait) bool {
				s := all.Socket(w.Socket, max(w.Since, c.Entered))
				return s != nil && t.shows(s)
			})
		}
		return shown && (len(t.calls) == 0 || slices.Contains(t.calls, c.Name))
	}
	packet := func(p *trace.PacketRecord) bool {
		if p.From == nil && p.To == nil {
			return t.isolate && len(t.kinds) == 0 && len(t.sockets) == 0
		}
		return p.From != nil && t.shows(p.From) || p.To != nil && t.shows(p.To) || slices.ContainsFunc(p.Also, t.shows)
	}
	some := all.Only(call, packet)
	some.Sockets = slices.DeleteFunc(slices.Clone(all.Sockets), func(s *trace.Socket) bool { return !t.shows(s) })
	return some
}
