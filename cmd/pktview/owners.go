package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sockwire/capture"
	"sockwire/capture/owner"
	"sockwire/cmd/internal/cli"
)

// ownerOptions are the flags about whose packets are captured, and where.
type ownerOptions struct {
	owner      bool
	pids       []int
	comms      []string
	userNames  []string
	uids       []uint32
	groups     []string
	namespaces []string
}

func addOwnerFlags(f *pflag.FlagSet, o *options) {
	f.BoolVar(&o.owner, "owner", false, "say which process sent and got each packet: on the line, in --json, in pcapng files and tables, with --stats owners")
	f.IntSliceVar(&o.pids, "pid", nil, "take packets of the process `PID` and those it made only; may be repeated, as the next three")
	f.StringArrayVar(&o.comms, "comm", nil, "take packets of processes called `NAME` and those they made only")
	f.StringArrayVar(&o.userNames, "uid", nil, "take packets of processes of the user `USER`, a number or a name, and those they made only")
	f.StringArrayVar(&o.groups, "cgroup", nil, "take packets of processes in the control group `PATH` and below only, such as /system.slice/ssh.service")
	f.StringArrayVar(&o.namespaces, "netns", nil, "capture in the network namespace `WHERE`: a name of ip-netns(8), a process or a path; may be repeated")
}

// choosesOwner tells whether packets are chosen by their owner, tracksOwners whether owners are asked for at all.
func (o *options) choosesOwner() bool {
	return len(o.pids)+len(o.comms)+len(o.uids)+len(o.groups) > 0
}

func (o *options) tracksOwners() bool { return o.owner || o.choosesOwner() }

func (o *options) checkOwner() error {
	if slices.Contains(strings.Split(o.stats, ","), "owners") {
		o.owner = true
	}
	for _, name := range o.userNames {
		id, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			known, lerr := user.Lookup(name)
			if lerr != nil {
				return cli.Usagef("--uid %q is no number and no user of this system", name)
			}
			if id, err = strconv.ParseUint(known.Uid, 10, 32); err != nil {
				return cli.Usagef("--uid %q: users have no numbers here", name)
			}
		}
		o.uids = append(o.uids, uint32(id))
	}
	for _, pid := range o.pids {
		if pid <= 0 {
			return cli.Usagef("--pid %d is no process", pid)
		}
	}
	for _, path := range o.groups {
		if !strings.HasPrefix(path, "/") {
			return cli.Usagef("--cgroup %q does not begin with /: it counts from the root of the hierarchy", path)
		}
	}
	switch {
	case !o.tracksOwners() && len(o.namespaces) == 0:
		return nil
	case len(o.read) > 0:
		return cli.Usagef("--owner, --pid, --comm, --uid, --cgroup and --netns are for capturing: files tell no more than what was written")
	case o.owner && o.write != "" && !o.isTable() && !strings.Contains(o.write, ".pcapng"):
		return cli.Usagef("only pcapng and tables have room for owners: let the name after -w end in .pcapng or .parquet")
	case o.owner && o.fields != "":
		return cli.Usagef("owners are no --fields: leave one of them out")
	}
	return nil
}

// owning tells owners of frames.
type owning struct {
	o        *options
	tracker  *owner.Tracker
	asker    owner.Asker
	settled  time.Time     // of frames up to then all is known
	waited   time.Time     // last, for that
	taken    int           // bytes of the kernel's ring since then
	owners   []owner.Owner // of the frame that is being looked at
	changes  uint64        // asker.Changes then
	least    owner.How     // that is known of one of them
	chosen   bool
	comments recentComments
	noted    notes
	before   uint64 // changes of noted
	brief    bool   // and its comments are short
	tally    owner.Tally
}

// notes are what a frame is written with.
type notes struct {
	process, thread uint32
	comments        []string
}

// openOwners begins to tell owners, if they are asked for.
func (c *capturer) openOwners() error {
	if !c.o.tracksOwners() {
		return nil
	}
	cfg := &owner.Config{}
	for _, d := range c.devices {
		if !slices.Contains(cfg.Networks, d.network) {
			cfg.Networks = append(cfg.Networks, d.network)
		}
	}
	t, err := owner.Open(cfg)
	if err != nil {
		cfg.Namespaces = c.o.namespaces
		looking, lookErr := owner.Look(cfg)
		if lookErr != nil {
			return ownerError(err)
		}
		c.env.Warnf("%s", refusal(err))
		t, c.looks = looking, true
	}
	for _, note := range t.Notes() {
		c.env.Warnf("%s", note)
	}
	c.owning = &owning{o: c.o, tracker: t, asker: owner.Asker{Tracker: t}}
	return nil
}

// refusal says in a line why owners are not told by the kernel, and what would help.
func refusal(err error) string {
	var e *owner.Error
	if errors.As(err, &e) && e.Remedy != "" {
		return fmt.Sprintf("%v: %s", err, e.Remedy)
	}
	return err.Error()
}

func namespaceError(err error) error {
	return cli.WithHint(err, "name one of ip netns list, a process or a file such as /proc/1/ns/net; it needs root")
}

// ownerError adds to an error what to do.
func ownerError(err error) error {
	var e *owner.Error
	if errors.As(err, &e) && e.Remedy != "" {
		return cli.WithHint(err, "%s", e.Remedy)
	}
	return err
}

// settle waits until all is known of the owners of f. The frames behind it stay in the kernel's ring. The caller holds
// mu, which others may have meanwhile.
func (c *capturer) settle(d *device, f *capture.Frame) error {
	w := c.owning
	w.taken += len(f.Data) + ringHeader
	if f.Time.Before(w.settled) {
		return nil
	}
	now := time.Now()
	if age := now.Sub(f.Time); age >= 0 && age <= owner.Delay { // of another clock than ours nothing is known later either
		wait, err := w.patience(now, d.live.Buffer()), error(nil)
		c.mu.Unlock()
		if c.o.prompt() {
			wait, err = owner.Delay, c.flush(false)
		}
		time.Sleep(wait)
		c.mu.Lock()
		if now = time.Now(); err != nil {
			return err
		}
	}
	w.settled = now.Add(-owner.Delay).Round(0)
	return nil
}

const (
	// maxPatience is how long frames wait at most that nobody is looking at: to wake up costs as much as a hundred frames.
	maxPatience = 20 * owner.Delay
	// ringHeader is about what the kernel's ring has of a frame besides its data.
	ringHeader = 96
)

// patience is how long to wait for more frames than one whose owners are not known yet: no longer than they take to fill
// a quarter of the kernel's buffer, as they have come since it was waited last.
func (w *owning) patience(now time.Time, buffer int) time.Duration {
	wait := min(maxPatience, time.Duration(float64(now.Sub(w.waited))*float64(buffer)/4/float64(w.taken)))
	w.waited, w.taken = now, 0
	return max(wait, owner.Delay)
}

// takes finds the owners of a frame, and tells whether it is chosen.
func (w *owning) takes(d *device, f *capture.Frame) (bool, error) {
	owners, err := w.asker.Owners(f, d.network)
	if err != nil {
		return false, err
	}
	if w.asker.Changes != w.changes { // most frames have the owners of the one before
		w.owners, w.changes, w.least = owners, w.asker.Changes, owner.Least(owners)
		w.chosen = !w.o.choosesOwner() || slices.ContainsFunc(owners, w.o.chooses)
	}
	return w.chosen, nil
}

// chooses tells whether an owner is one of those that are asked for.
func (o *options) chooses(p owner.Owner) bool {
	is := func(by func(p owner.Parent) bool) bool {
		return by(owner.Parent{PID: p.PID, Name: p.Name, UID: p.UID}) || slices.ContainsFunc(p.Parents, by)
	}
	pid := func(p owner.Parent) bool { return slices.Contains(o.pids, p.PID) }
	comm := func(p owner.Parent) bool { return slices.Contains(o.comms, p.Name) }
	uid := func(p owner.Parent) bool { return p.UID != 0 && slices.Contains(o.uids, p.UID) } // all descend from root's
	return (len(o.pids) == 0 || is(pid)) && (len(o.comms) == 0 || is(comm)) &&
		(len(o.uids) == 0 || slices.Contains(o.uids, p.UID) && p.PID != 0 || is(uid)) && (len(o.groups) == 0 || slices.ContainsFunc(o.groups, func(path string) bool {
		return p.Group == path || strings.HasPrefix(p.Group, strings.TrimSuffix(path, "/")+"/")
	}))
}

// count counts the frame that was looked at last.
func (w *owning) count(f *capture.Frame) {
	if w.o.stats != "" && w.o.parts["owners"] {
		w.tally.Add(w.owners, f.Length)
	} else {
		w.tally.Known[w.least]++
	}
}

// The records of --stats owners --json.
type (
	ownerRecord struct {
		Type      string `json:"type"`
		PID       int    `json:"pid"`
		Comm      string `json:"comm"`
		UID       uint32 `json:"uid"`
		User      string `json:"user"`
		Exe       string `json:"exe"`
		Cgroup    string `json:"cgroup"`
		Container string `json:"container,omitempty"`
		Unit      string `json:"unit,omitempty"`
		Sent      uint64 `json:"packets_sent"`
		SentBytes uint64 `json:"bytes_sent"`
		Got       uint64 `json:"packets_received"`
		GotBytes  uint64 `json:"bytes_received"`
		Exact     uint64 `json:"exact"`
		Inferred  uint64 `json:"inferred"`
	}
	ownersRecord struct {
		Type      string `json:"type"`
		Exact     uint64 `json:"exact"` // packets
		Inferred  uint64 `json:"inferred"`
		Unknown   uint64 `json:"unknown"`
		Lost      uint64 `json:"lost_events"`
		Forgotten uint64 `json:"forgotten_sockets"`
	}
)

// end prints what was counted.
func (w *owning) end(env *cli.Env) {
	lost := w.tracker.Losses()
	if w.o.stats != "" && w.o.parts["owners"] {
		w.printStats(env, lost)
	}
	if lost.Sockets > 0 {
		env.Warnf("%s were forgotten for others: some owners are unknown for that", cli.Plural(lost.Sockets, "socket"))
	}
	if w.tally.Untold > 0 {
		env.Warnf("%s of other processes than the %d that are told apart", cli.Plural(w.tally.Untold, "packet"), owner.MaxTally)
	}
	if lost.Events > 0 {
		env.Warnf("%d events about owners were lost: some owners are unknown or inferred for that", lost.Events)
	}
	if !w.o.quiet && !w.o.json && w.o.owner {
		env.Warnf("owners of %s are exact, of %d inferred, of %d unknown", cli.Plural(w.tally.Known[owner.Exact], "packet"), w.tally.Known[owner.Inferred], w.tally.Known[owner.Unknown])
	}
}

func (w *owning) printStats(env *cli.Env, lost owner.Losses) {
	list := w.tally.Counts()
	if w.o.json {
		for _, n := range cut(list, w.o.top) {
			p := n.Process
			env.Stdout.JSON(ownerRecord{
				"owner", p.PID, p.Name, p.UID, p.User, p.Exe, p.Group, p.Container, p.Unit, n.Packets[0], n.Bytes[0], n.Packets[1], n.Bytes[1],
				n.Known[owner.Exact], n.Known[owner.Inferred],
			})
		}
		env.Stdout.JSON(ownersRecord{"owners", w.tally.Known[owner.Exact], w.tally.Known[owner.Inferred], w.tally.Known[owner.Unknown], lost.Events, lost.Sockets})
		return
	}
	out := env.Stdout
	out.Printf("\nOWNERS (%d)\n  %-16s %7s %-10s %8s %9s %8s %9s %8s\n", len(list), "process", "pid", "user", "sent", "bytes", "received", "bytes", "inferred")
	for _, n := range cut(list, w.o.top) {
		p := n.Process
		name := p.User
		if name == "" {
			name = strconv.FormatUint(uint64(p.UID), 10)
		}
		out.Printf("  %-16s %7d %-10s %8s %9s %8s %9s %8s\n", cli.Escape(p.Name), p.PID, cli.Escape(name), compact(n.Packets[0], 8), compact(n.Bytes[0], 9),
			compact(n.Packets[1], 8), compact(n.Bytes[1], 9), compact(n.Known[owner.Inferred], 8))
	}
	more(out, len(list), w.o.top)
	out.Printf("  exact %d, inferred %d, unknown %d\n", w.tally.Known[owner.Exact], w.tally.Known[owner.Inferred], w.tally.Known[owner.Unknown])
}

// appendOwners adds the owners of a packet to its line: from and to whom it is, with a question mark where that is
// inferred.
func appendOwners(b []byte, owners []owner.Owner) []byte {
	if len(owners) == 0 {
		return append(b, " [owner unknown]"...)
	}
	b = append(b, " ["...)
	for i := range owners {
		o := &owners[i]
		switch {
		case i > 0 && owners[i-1].Role == o.Role:
			b = append(b, ", "...)
		case i > 0:
			b = append(b, " to "...)
		case o.Role == owner.Receiver:
			b = append(b, "to "...)
		default:
			b = append(b, "from "...)
		}
		b = appendProcess(b, o)
		if o.How == owner.Inferred {
			b = append(b, '?')
		}
	}
	return append(b, ']')
}

// appendProcess adds the process and, where that is known, the thread of an owner.
func appendProcess(b []byte, o *owner.Owner) []byte {
	b = cli.AppendEscaped(b, o.Name)
	if o.PID != 0 {
		b = strconv.AppendInt(append(b, ' '), int64(o.PID), 10)
	}
	if o.Thread != 0 && o.Thread != o.PID {
		b = strconv.AppendInt(append(b, '/'), int64(o.Thread), 10)
	}
	return b
}

// appendOwnerLines adds all that is known of the owners, each on a line.
func appendOwnerLines(b []byte, owners []owner.Owner) []byte {
	for i := range owners {
		b = append(b, "    "...)
		b = append(cli.AppendEscaped(b, describe(&owners[i])), '\n')
	}
	return b
}

// describe says all that is known of an owner, in a line.
func describe(o *owner.Owner) string {
	var s strings.Builder
	s.WriteString(o.Role.String() + ": " + o.Name)
	if o.PID != 0 {
		s.WriteString(", process " + strconv.Itoa(o.PID))
		if o.Thread != 0 {
			s.WriteString(", thread " + strconv.Itoa(o.Thread))
		}
		s.WriteString(", user " + strconv.FormatUint(uint64(o.UID), 10))
		if o.User != "" {
			s.WriteString(" (" + o.User + ")")
		}
	}
	s.WriteString(", " + o.How.String())
	for _, more := range []struct{ what, text string }{
		{"", o.Exe}, {"arguments ", strings.Join(o.Args, " ")}, {"cgroup ", o.Group}, {"container ", o.Container}, {"unit ", o.Unit},
	} {
		if more.text != "" {
			s.WriteString("; " + more.what + more.text)
		}
	}
	return s.String()
}

// jsonOwner is an owner in a packet's record.
type jsonOwner struct {
	Role      string   `json:"role"`
	How       string   `json:"how"`
	PID       int      `json:"pid"`
	TID       int      `json:"tid,omitempty"`
	UID       uint32   `json:"uid"`
	User      string   `json:"user,omitempty"`
	Comm      string   `json:"comm"`
	Exe       string   `json:"exe,omitempty"`
	Args      []string `json:"args,omitempty"`
	Cgroup    string   `json:"cgroup,omitempty"`
	Container string   `json:"container,omitempty"`
	Unit      string   `json:"unit,omitempty"`
}

func appendOwnersJSON(b []byte, owners []owner.Owner) []byte {
	list := make([]jsonOwner, len(owners))
	for i := range owners {
		o := &owners[i]
		list[i] = jsonOwner{o.Role.String(), o.How.String(), o.PID, o.Thread, o.UID, o.User, o.Name, o.Exe, o.Args, o.Group, o.Container, o.Unit}
	}
	text, err := json.Marshal(list)
	if err != nil { // there is nothing in it that cannot be written
		return append(b, "null"...)
	}
	return append(b, text...)
}

// note adds its owners to a frame that is to be written: the sender in the fields that the format has, all in comments.
func (w *owning) note(f *capture.Frame) {
	n := &w.noted
	if !w.brief || len(f.Comments) > 0 || w.changes != w.before {
		w.before, w.brief = w.changes, len(w.owners) > 0 && len(f.Comments) == 0
		*n = notes{f.Process, f.Thread, append(n.comments[:0], f.Comments...)}
		for i := range w.owners {
			o := &w.owners[i]
			if o.Role == owner.Sender && o.PID != 0 && n.process == 0 {
				n.process, n.thread = uint32(o.PID), uint32(o.Thread)
			}
			text, brief := w.comments.of(o)
			n.comments, w.brief = append(n.comments, text), w.brief && brief
		}
	}
	f.Process, f.Thread, f.Comments = n.process, n.thread, n.comments
}

// recentComments are the short comments of owners that were written last: most packets have the owners of others. All
// that is known of an owner stands on the first of its packets, for it takes more room than most packets.
type recentComments map[commentKey]string

type commentKey struct {
	process *owner.Process
	thread  int
	role    owner.Role
	how     owner.How
}

const maxComments = 1 << 12

func (r *recentComments) of(o *owner.Owner) (text string, brief bool) {
	key := commentKey{o.Process, o.Thread, o.Role, o.How}
	if c, ok := (*r)[key]; ok {
		return c, true
	}
	if *r == nil || len(*r) >= maxComments {
		*r = recentComments{}
	}
	(*r)[key] = string(append(appendProcess(append([]byte(preposition[o.Role]), ' '), o), ", "+o.How.String()...))
	return cli.Escape(describe(o)), false
}

var preposition = [...]string{owner.Sender: "from", owner.Receiver: "to"}
