package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"sockwire/cmd/internal/cli"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c, o := newCommand()
	inner := 0
	if err := programMeant(c, args); err != nil { // whose flags are not ours to parse
		return c.Execute(ctx, nil, stdin, stdout, stderr, func(context.Context, *cli.Env, []string) error { return err })
	}
	code := c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		if err := o.checkUse(c, args); err != nil {
			return err
		}
		if o.columns && (o.json || o.trace.summary || o.trace.script()) {
			return cli.Usagef("--columns is for the timeline as text")
		}
		for _, name := range []string{o.file, o.trace.output} {
			held, err := cli.AwaitReader(ctx, name)
			if err != nil {
				return err
			}
			defer held.Close()
		}
		if o.traces(c) {
			var err error
			inner, err = traceProgram(ctx, env, *o, args)
			return err
		}
		if len(args) > 0 && args[0] == "list" {
			if len(args) > 1 {
				return cli.Usagef("list takes no arguments")
			}
			return list(env, o.json)
		}
		chosen, err := choose(c, args)
		if err != nil {
			return err
		}
		if err := o.check(chosen, c.Flags.Changed("size"), c.Flags.Changed("message")); err != nil {
			return err
		}
		inner, err = perform(ctx, env, *o, chosen)
		return err
	})
	return max(code, inner)
}

func newCommand() (*cli.Command, *options) {
	o := new(options)
	c := cli.New("sockwire", "show what each kind of socket puts on the wire")
	c.Usage = []string{"[flags] [SCENE]...", "[flags] -- COMMAND [ARG]...", "[flags] -p PID", "list"}
	c.Long = "Each scene is a short program on real sockets, between two hosts of a private network that only this command " +
		"sees, so that nothing else is on the wire. Every system call is shown with its arguments and its result, and beside it the " +
		"packets it made, captured live: which bytes of which send each of them carries, and what caused it.\n\n" +
		"Without a scene it plays stream, datagram, raw and unix. A table at the end compares the kinds of socket, by what was counted in this run.\n\n" +
		"After -- any program is run and its socket calls are shown in the same way, with those of its threads and of the programs that it " +
		"starts; -p does it for one that runs. The program keeps its standard streams, and its exit status becomes ours (128 and the number of " +
		"the signal that ended it). A program that was started ends when this command is killed; one attached to with -p goes on."
	c.Color = true
	c.Elsewhere = elsewhere
	c.Words = []cli.Word{{Name: "list", Short: "name the scenes"}}
	for _, s := range scenes {
		c.Words = append(c.Words, cli.Word{Name: s.name, Short: s.short})
	}
	c.Examples = []cli.Example{
		{Line: "sockwire", Text: "the four kinds of socket and how they compare"},
		{Line: "sockwire datagram --size 4000 --mtu 1500", Text: "which bytes of a datagram travel in which fragment"},
		{Line: "sockwire -6 stream -w stream.pcapng", Text: "a capture file in which each packet's comment names its call"},
		{Line: "sockwire -- curl http://127.0.0.1:8080/", Text: "which calls of curl make which packets"},
		{Line: "sockwire --isolate --mtu 1500 -o calls.txt -- ./server-and-client", Text: "a program in a network of its own, without root"},
		{Line: "sockwire --isolate --columns -- ./server-and-client", Text: "a column for each socket"},
		{Line: "sockwire --isolate -o seen.pkt -- ./client", Text: "what its first connection did, as a packetdrill script"},
		{Line: "sockwire --summary -p 4242", Text: "what each socket of a running process does, until Ctrl-C"},
		{Line: "sockwire -v raw", Text: "every field and every byte of the packets"},
	}
	c.Privilege = "None: the lab is made in user and network namespaces. Where these are forbidden the scenes play on the loopback " +
		"interface; raw and all captured packets then need CAP_NET_RAW. Tracing a program needs no privilege for programs of the same user " +
		"(where kernel.yama.ptrace_scope is not 0, -p needs root); its packets need CAP_NET_RAW, or --isolate, or else only calls are shown."
	f := c.Flags
	f.StringVar(&o.message, "message", "", "what the programs send: `TEXT`, instead of first|, second|, …")
	f.IntVarP(&o.size, "size", "s", 0, "send messages of `N` bytes each")
	f.IntVarP(&o.count, "count", "c", 2, "send `N` messages")
	f.IntVar(&o.mtu, "mtu", 1500, "MTU of the link between the hosts, in `BYTES`; below 1280 there is no IPv6")
	f.BoolVarP(&o.only4, "ipv4", "4", false, "IPv4 (with -6: both)")
	f.BoolVarP(&o.only6, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show every field of each packet, and its bytes")
	f.BoolVar(&o.json, "json", false, "write JSON Lines")
	f.BoolVar(&o.columns, "columns", false, "give each socket a column of its own, as many as fit the terminal (or COLUMNS, or 120)")
	f.StringVarP(&o.file, "write", "w", "", "write the packets to `FILE` as pcapng, each with its call as comment")
	o.defineTrace(c)
	return c, o
}

func list(env *cli.Env, json bool) error {
	for _, s := range scenes {
		if json {
			record := struct {
				Type  string `json:"type"`
				Name  string `json:"name"`
				Short string `json:"short"`
				Usual bool   `json:"usual"`
			}{"scene", s.name, s.short, s.usual}
			if err := env.Stdout.JSON(record); err != nil {
				return err
			}
			continue
		}
		env.Stdout.Printf("%-9s %s\n", s.name, s.short)
	}
	return nil
}

// programMeant is the error for arguments that begin with a program instead of a scene: somebody means it to be traced.
// It is nil for others.
func programMeant(c *cli.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || slices.ContainsFunc(c.Words, func(w cli.Word) bool { return w.Name == args[0] }) {
		return nil
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil
	}
	line := c.Name + " --"
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'`$&|;<>()*?[]{}~!#\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		line += " " + a
	}
	return cli.WithHint(cli.Usagef("%q is a program, not a scene", args[0]), "to trace it put -- before it: %s", line)
}

// choose finds the scenes of the arguments, in their order; without any the usual ones.
func choose(c *cli.Command, args []string) ([]scene, error) {
	var chosen []scene
	for _, s := range scenes {
		if len(args) == 0 && s.usual {
			chosen = append(chosen, s)
		}
	}
	for _, a := range args {
		i := slices.IndexFunc(scenes, func(s scene) bool { return s.name == a })
		if i < 0 {
			if err := programMeant(c, args); err != nil {
				return nil, err
			}
			return nil, c.UnknownWord("scene", a)
		}
		chosen = append(chosen, scenes[i])
	}
	return chosen, nil
}

// families are the IP versions that a scene plays over: false is IPv4, true IPv6.
func (o *options) families(s *scene) []bool {
	switch {
	case !s.internet:
		return []bool{false}
	case o.only4 && o.only6, !o.only4 && !o.only6 && s.both && o.mtu >= minMTU6:
		return []bool{false, true}
	case o.only6:
		return []bool{true}
	}
	return []bool{false}
}

// check refuses what cannot work before anything is set up, and makes the messages.
func (o *options) check(chosen []scene, sized, worded bool) error {
	switch {
	case o.count < 1 || o.count > 100:
		return cli.Usagef("--count %d is not in 1..100", o.count)
	case o.mtu < minMTU4 || o.mtu > maxMTU:
		return cli.Usagef("--mtu %d is not in %d..%d", o.mtu, minMTU4, maxMTU)
	case o.only6 && o.mtu < minMTU6:
		return cli.WithHint(cli.Usagef("--mtu %d is too small for IPv6, which needs %d (RFC 8200 section 5)", o.mtu, minMTU6), "use -4, or a larger MTU")
	case sized && o.size < 0:
		return cli.Usagef("--size %d is negative", o.size)
	case worded && o.message == "" && !sized:
		return cli.Usagef("--message is empty")
	}
	longest := max(o.size, len(o.message))
	if sized {
		longest = o.size
	}
	for i := range chosen {
		s := &chosen[i]
		if s.fixed {
			continue
		}
		for _, v6 := range o.families(s) {
			if limit, why := s.limit(v6); longest > limit {
				return cli.WithHint(cli.Usagef("%s cannot carry a message of %d bytes", s.name, longest), "its limit is %d bytes: %s", limit, why)
			}
		}
		if sized && o.size == 0 && !s.empty {
			return cli.WithHint(cli.Usagef("%s cannot carry an empty message", s.name), "a stream has bytes, not messages: sending 0 bytes sends nothing")
		}
	}
	if longest*o.count > maxStream {
		return cli.Usagef("--count %d messages of %d bytes are more than %d bytes together", o.count, longest, maxStream)
	}
	for i := range o.count {
		text := o.message
		if !worded || text == "" {
			text = ordinal(i) + "|"
		}
		m := []byte(text)
		if sized {
			m = []byte(strings.Repeat(text, o.size/len(text)+1)[:o.size])
		}
		o.messages = append(o.messages, m)
	}
	return nil
}

func ordinal(i int) string {
	names := []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("message %d", i+1)
}

// width is the width for a column of each socket, 0 when they are not asked for.
func (o *options) width(to any) int {
	if !o.columns {
		return 0
	}
	if cli.IsTerminal(to) {
		return cli.Width(to)
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 && n <= 10_000 {
		return n
	}
	return 120
}

// plain is what makes ASCII of what stands in columns, nil where the locale has more.
func plain() func(string) string {
	if !cli.ASCII() {
		return nil
	}
	return func(s string) string { return string(cli.ToASCII([]byte(s))) }
}

// lineWidth is the width at which lines are broken: that of the terminal. In files and pipes they stay whole.
func lineWidth(o *cli.Output) int {
	if cli.IsTerminal(o.Unwrapped()) {
		return cli.Width(o.Unwrapped())
	}
	return 0
}

// createFile makes the file that -w names, before anything is played.
func (o *options) createFile() (*os.File, error) {
	if o.file == "" {
		return nil, nil
	}
	f, err := os.Create(o.file)
	if err != nil {
		return nil, cli.WithHint(err, "-w wants a file that can be created: the directory must exist and be writable")
	}
	return f, nil
}
