// Command dgrelay relays datagrams and does to them what a bad network does, as a seed says.
package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
)

func main() { cli.Main(run) }

// options are the flags and arguments, checked before a socket is opened.
type options struct {
	both, forward, backward string
	four, six               bool
	maxClients, perAddress  int
	head                    int
	services                bool
	idle, duration          time.Duration
	json, verbose, quiet    bool
	config                  relay.Config
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		if err := o.check(args); err != nil {
			return err
		}
		return relayAll(ctx, env, &o)
	})
}

func newCommand(o *options) *cli.Command {
	c := cli.New("dgrelay", "relay datagrams through a bad network, made from a seed")
	c.Usage = []string{"[flags] LISTEN TARGET"}
	c.Long = "Clients send to LISTEN, each gets a socket of its own to TARGET, and answers go back. On the way datagrams are lost, " +
		"duplicated, reordered, delayed, corrupted, truncated and held back by a rate limit, as the expressions say; the same seed and " +
		"the same traffic give the same decisions. LISTEN and TARGET are HOST:PORT, unix:PATH or unix:@NAME, both of one kind.\n\n" +
		"An expression is settings joined by commas:\n\n" +
		"    seed=N                  random numbers\n" +
		"    loss=P                  lost, with probability P: 5% or 0.05\n" +
		"    enter=P,leave=P         bursts of loss (Gilbert-Elliott); in a burst\n" +
		"                            badloss=P loses only some\n" +
		"    dup=P                   delivered twice\n" +
		"    reorder=P,gap=N,hold=D  held until N later ones have gone ahead, or for D\n" +
		"    delay=D,jitter=D        delayed by delay ± jitter; dist=uniform, normal\n" +
		"                            or pareto; order=free lets jitter reorder\n" +
		"    corrupt=P               one bit inverted, at a byte from=B up to=B\n" +
		"    truncate=P,cut=B        cut to B bytes, or to a random length\n" +
		"    rate=R,burst=B          at most R (10Mbps), with a queue of queue=B bytes\n" +
		"                            or packets=N\n\n" +
		"The checksums of what leaves the relay are right: damage shows only to who checks the payload."
	c.Examples = []cli.Example{
		{Line: "dgrelay -x loss=5%,seed=7 :5300 192.0.2.53:53", Text: "Lose one in twenty, both ways."},
		{Line: "dgrelay --forward delay=20ms --backward delay=80ms :9000 192.0.2.7:9000", Text: "A path that is slower on the way back."},
		{Line: "dgrelay --json -x dup=1%,reorder=2% 127.0.0.1:9000 127.0.0.1:9001", Text: "Tell the truth about every datagram."},
	}
	c.Privilege = "None. With cap_net_admin its buffers may exceed net.core.rmem_max; it says when they overflowed."
	c.ExitStatus = "nothing was relayed"
	c.Elsewhere = map[string]string{}
	for netem, setting := range map[string]string{
		"loss": "loss=5%", "delay": "delay=20ms,jitter=5ms", "jitter": "delay=20ms,jitter=5ms", "duplicate": "dup=1%", "dup": "dup=1%", "reorder": "reorder=2%,gap=3",
		"corrupt": "corrupt=1%", "rate": "rate=10Mbps", "seed": "seed=7", "truncate": "truncate=1%",
	} {
		c.Elsewhere[netem] = "it is a setting: -x " + setting
	}
	f := c.Flags
	f.StringVarP(&o.both, "impair", "x", "", "`EXPRESSION` for both directions")
	f.StringVar(&o.forward, "forward", "", "`EXPRESSION` from clients to the target; it takes the place of --impair")
	f.StringVar(&o.backward, "backward", "", "`EXPRESSION` from the target to clients; it takes the place of --impair")
	f.BoolVarP(&o.four, "ipv4", "4", false, "IPv4 only")
	f.BoolVarP(&o.six, "ipv6", "6", false, "IPv6 only")
	f.IntVar(&o.maxClients, "max-clients", 1024, "at most `N` clients at a time; the one silent longest makes room for a new one")
	f.IntVar(&o.perAddress, "max-per-address", 0, "at most `N` clients of one IPv4 address or IPv6 /64, a quarter of --max-clients and at least 16 unless told")
	f.BoolVar(&o.services, "answer-services", false, "take clients on ports of well-known services too, such as all below 1024")
	cli.DurationVar(f, &o.idle, "idle", "", time.Minute, "forget a client that is silent for `TIME`")
	cli.DurationVar(f, &o.duration, "duration", "", 0, "stop after `TIME`")
	f.IntVar(&o.head, "head", 16, "show `N` bytes of each payload in records")
	f.BoolVar(&o.json, "json", false, "JSON Lines: what became of each datagram, and a summary")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "a line about each datagram")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no summary")
	return c
}

func (o *options) check(args []string) error {
	if len(args) > 2 {
		args = datagram.JoinPorts(args)
	}
	if len(args) != 2 {
		return cli.Usagef("two addresses are needed, where to listen and where to relay to, not %d", len(args))
	}
	if o.four && o.six {
		return cli.Usagef("-4 and -6 exclude each other")
	}
	var ends [2]datagram.Address
	for i, a := range args {
		var err error
		if ends[i], err = datagram.ParseAddress(a, o.four, o.six); err != nil {
			return err
		}
	}
	switch {
	case ends[0].Network != ends[1].Network:
		return cli.Usagef("%s and %s are of different kinds", args[0], args[1])
	case o.maxClients < 1:
		return cli.Usagef("--max-clients is at least 1")
	case o.perAddress < 0:
		return cli.Usagef("--max-per-address cannot be negative")
	case o.head < 0 || o.head > 65535:
		return cli.Usagef("--head is 0 to 65535")
	}
	forward, err := impairment("forward", cmp.Or(o.forward, o.both))
	if err != nil {
		return err
	}
	backward, err := impairment("backward", cmp.Or(o.backward, o.both))
	if err != nil {
		return err
	}
	o.config = relay.Config{
		Network: ends[0].Network, Listen: ends[0].Text, Target: ends[1].Text, Forward: forward, Backward: backward,
		MaxClients: o.maxClients, MaxPerAddress: o.perAddress, AnswerServices: o.services, Idle: o.idle,
	}
	return nil
}

func impairment(what, text string) (impair.Config, error) {
	if text == "" {
		return impair.Config{}, nil
	}
	c, err := impair.Parse(text)
	if err != nil {
		return c, cli.WithHint(fmt.Errorf("--%s %s: %w", what, text, err), "dgrelay --help lists the settings")
	}
	return c, nil
}

// record is what became of one datagram.
type record struct {
	Type      string          `json:"type"`
	Direction relay.Direction `json:"direction"`
	Client    string          `json:"client"`
	impair.Record
	Head string `json:"head_hex"`
}

type summary struct {
	Type       string        `json:"type"`
	Clients    int           `json:"clients"`
	Forward    impair.Totals `json:"forward"`
	Backward   impair.Totals `json:"backward"`
	Refused    uint64        `json:"refused"`
	Replaced   int           `json:"replaced"`
	Forged     uint64        `json:"forged"`
	NoSocket   uint64        `json:"no_socket"`
	NoRoom     uint64        `json:"no_room"`
	SendErrors uint64        `json:"send_errors"`
	Overrun    uint64        `json:"overrun"`
	Elapsed    int64         `json:"elapsed_ns"`
}

func relayAll(ctx context.Context, env *cli.Env, o *options) error {
	written := make(chan struct{}, 1)
	write := func(r *relay.Record) { env.Stdout.Printf("%s\n", describe(r)) }
	if o.json {
		o.config.Head = o.head
		write = func(r *relay.Record) {
			env.Stdout.JSON(record{"datagram", r.Direction, r.Client.String(), r.Record, hex.EncodeToString(r.Head)})
		}
	}
	if o.json || o.verbose {
		o.config.Record = func(r *relay.Record) {
			write(r)
			select {
			case written <- struct{}{}:
			default:
			}
		}
	}
	r, err := relay.New(ctx, o.config)
	if err != nil {
		return err
	}
	env.Warnf("relaying %v to %s", r.Addr(), o.config.Target)
	start := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.duration > 0 {
		defer time.AfterFunc(o.duration, cancel).Stop()
	}
	status := func() string { return totalsText(r.Totals()) }
	env.OnStatus(status)
	stop := env.Progress(status)
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		if watch(env, r, written, over) != nil {
			cancel() // nobody reads any more
		}
	}()
	err = r.Run(ctx)
	close(over)
	<-watched
	stop()
	t := r.Totals()
	if o.json {
		env.Stdout.JSON(summary{
			Type: "summary", Clients: t.Clients, Forward: t.Forward, Backward: t.Backward, Refused: t.Refused, Replaced: t.Replaced, Forged: t.Forged,
			NoSocket: t.NoSocket, NoRoom: t.NoRoom, SendErrors: t.SendErrors, Overrun: t.Overrun, Elapsed: time.Since(start).Nanoseconds(),
		})
	} else if !o.quiet {
		env.Warnf("%s", totalsText(t))
	}
	if !o.quiet || t.Overrun > 0 {
		for _, line := range troubles(t) {
			env.Warnf("%s", line)
		}
	}
	if err == nil && t.Forward.Packets == 0 {
		return cli.ErrNo
	}
	return err
}

// watch writes out records soon after they are written, and says what goes wrong when it begins to, until over or until
// it cannot write.
func watch(env *cli.Env, r *relay.Relay, written, over <-chan struct{}) error {
	const (
		lookEvery = 500 * time.Millisecond // to add up the totals takes a while
		soon      = 2 * time.Millisecond   // what is written meanwhile goes out with it
	)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var begun troublesBegun
	for {
		select {
		case <-over:
			begun.tell(env, r.Totals())
			return nil
		case <-look.C:
			begun.tell(env, r.Totals())
		case <-written:
			time.Sleep(soon)
			if err := env.Stdout.Flush(); err != nil {
				return err
			}
		}
	}
}

// troublesBegun says once of each kind of trouble that it has begun.
type troublesBegun struct{ full, replaced, forged, noSocket bool }

func (begun *troublesBegun) tell(env *cli.Env, t relay.Totals) {
	begins := func(n uint64, begun *bool) bool {
		first := n > 0 && !*begun
		*begun = n > 0
		return first
	}
	if begins(t.Refused, &begun.full) {
		env.Warnf("a client is refused: there are too many, and none is silent (--max-clients, --max-per-address)")
	}
	if begins(uint64(t.Replaced), &begun.replaced) {
		env.Warnf("a silent client makes room for a new one: there are too many (--max-clients, --max-per-address)")
	}
	if begins(t.Forged, &begun.forged) {
		env.Warnf("a datagram is refused: it comes from the address of the target, the relay or a service (--answer-services)")
	}
	if t.SocketError != nil && !begun.noSocket {
		begun.noSocket = true
		env.Warnf("there is no socket for a client: %v", t.SocketError)
		if errors.Is(t.SocketError, syscall.EMFILE) {
			env.Warnf("hint: each client needs a socket; %s", cli.FilesHint)
		}
	}
}

func totalsText(t relay.Totals) string {
	return fmt.Sprintf("%s; forward %s; backward %s", cli.Plural(t.Clients, "client"), directionText(t.Forward), directionText(t.Backward))
}

// troubles says what did not go as it was to, a line each.
func troubles(t relay.Totals) (lines []string) {
	for _, part := range []struct {
		n          uint64
		what, text string
	}{
		{uint64(t.Replaced), "client", "made room for others"},
		{t.Refused, "datagram", "refused: too many clients"},
		{t.Forged, "datagram", "refused: from the address of the target, the relay or a service"},
		{t.NoSocket, "datagram", "refused: no socket for the client"},
		{t.NoRoom, "datagram", "lost: no room in this host's send buffer"},
		{t.SendErrors, "datagram", "could not be sent, or the network said so"},
		{t.Overrun, "datagram", "lost in the relay's own receive buffers: the records are not all"},
	} {
		if part.n > 0 {
			lines = append(lines, cli.Plural(part.n, part.what)+" "+part.text)
		}
	}
	return lines
}

func directionText(t impair.Totals) string {
	text := cli.Parts{cli.Plural(t.Packets, "datagram"), fmt.Sprintf("%d delivered", t.Deliveries)}
	text.Count(t.Loss+t.Burst, "lost")
	text.Count(t.Rate, "over the rate")
	text.Count(t.Duplicated, "duplicated")
	text.Count(t.Held, "held back")
	text.Count(t.Corrupted, "corrupted")
	text.Count(t.Truncated, "truncated")
	return text.String()
}

func describe(r *relay.Record) string {
	text := fmt.Sprintf("%s %v %s #%d %s", r.Arrival.Format("15:04:05.000000"), r.Direction, cli.Escape(r.Client.String()), r.Seq,
		cli.Plural(r.Size, "byte"))
	if r.Drop != impair.None {
		return text + " dropped: " + r.Drop.String()
	}
	text += fmt.Sprintf(" after %v", r.Delivered.Sub(r.Arrival).Round(time.Microsecond))
	if r.Duplicated() {
		text += fmt.Sprintf(" and %v", r.DeliveredCopy.Sub(r.Arrival).Round(time.Microsecond))
	}
	if r.Behind > 0 {
		text += fmt.Sprintf(" held for %d others", r.Behind)
	}
	if r.Flip.Set {
		text += fmt.Sprintf(" bit %d of byte %d inverted", r.Flip.Bit, r.Flip.Byte)
	}
	if r.Truncated() {
		text += fmt.Sprintf(" cut to %d", r.Length)
	}
	return text
}
