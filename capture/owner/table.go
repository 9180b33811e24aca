package owner

import (
	"math"
	"slices"
	"strings"
	"time"

	"sockwire/capture/trace"
)

// kind is what the kernel's programs saw.
type kind uint8

const (
	kindPacket  kind = iota + 1 // at a socket
	kindFrame                   // from a packet socket
	kindCreate                  // a process made a socket,
	kindAccept                  // accepted one,
	kindSend                    // sent,
	kindReceive                 // received,
	kindPass                    // got one from another process
	kindStood                   // had one when it was looked for
	kindFork                    // a process was made: the cookie is its parent
	kindExec
	kindExit
	kindGroup // a control group was made: the cookie is the one around it, the file its name
)

// maxGroup bounds the path of a control group: the kernel tells no longer one (PATH_MAX).
const maxGroup = 4096

// who is a task at the time of an event.
type who struct {
	process, thread int
	user            uint32
	group           uint64
	name            string
}

// event is what a program recorded.
type event struct {
	kind     kind
	time     time.Duration
	cookie   uint64
	who      who
	multi    bool // several processes have used the socket
	kernel   bool
	single   bool // one descriptor stands for the socket
	network  uint32
	sighting trace.Sighting
	file     string // executed, or the name of a control group
	args     string
}

// table knows the processes that use sockets, from events.
type table struct {
	sockets   recent[uint64, *socket]
	processes recent[int, *state]
	groups    recent[uint64, string]
	users     map[uint32]string
	matchers  map[uint32]*trace.Matcher // of network namespaces
	fragments recent[fragment, trace.Sockets]
	answers   [maxAnswers]answer
	marks     [maxMarks]mark
	events    uint64 // that were taken
	// look looks for what is not known of a process that is there: its file and arguments, and the path of its control
	// group.
	look func(pid int) (exe string, args []string, group string)
	// task looks at a process that is there, and for its parent, 0 for none.
	task func(pid int) (p Parent, parent int)
}

// socket is the users of a socket.
type socket struct {
	users   []use // in the order of time
	senders []sender
	multi   bool
	single  bool
	threads bool // several
	kernel  bool
}

type use struct {
	at      time.Duration
	process *Process
	kind    kind
}

// sender is a process and thread that sent a packet. Its number among those of a socket goes into the cookie of a
// sighting.
type sender struct {
	process *Process
	thread  int
}

// fragment is what the fragments of a packet have in common.
type fragment struct {
	src, dst [16]byte
	id       uint32
}

const (
	maxUses    = 16
	maxSenders = 250
	slotKernel = 254
	slotTime   = 255 // whoever had it then
)

// state is a process now.
type state struct {
	*Process
	group  uint64
	forks  []time.Duration // when it made others, the last maxForks
	older  bool            // and before
	exited time.Duration   // 0 for not
	parent int             // 0 where it was not seen to be made
	unseen bool            // it executed a program, which was not looked at yet
}

const maxForks = 64

// made tells whether a process made another after one time and up to another: that has its sockets too, unless it has
// closed them.
func (s *state) made(after, until time.Duration) bool {
	if s.older && after < s.forks[0] {
		return true
	}
	return slices.ContainsFunc(s.forks, func(at time.Duration) bool { return at > after && at <= until })
}

func newTable(sockets int) *table {
	return &table{
		sockets: recent[uint64, *socket]{limit: sockets}, processes: recent[int, *state]{limit: 1 << 15}, groups: recent[uint64, string]{limit: 1 << 14},
		fragments: recent[fragment, trace.Sockets]{limit: 1 << 12}, matchers: map[uint32]*trace.Matcher{},
	}
}

// recent is a map of what was asked for last, of at most limit entries.
type recent[K comparable, V any] struct {
	now, before map[K]V
	limit       int
	forgotten   uint64
}

func (r *recent[K, V]) get(key K) (v V, ok bool) {
	if v, ok = r.now[key]; ok {
		return v, true
	}
	if v, ok = r.before[key]; ok {
		delete(r.before, key)
		r.put(key, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	if r.now == nil {
		r.now = map[K]V{}
	}
	if len(r.now) >= r.limit/2 {
		r.forgotten += uint64(len(r.before))
		r.before, r.now = r.now, map[K]V{}
	}
	delete(r.before, key)
	r.now[key] = v
}

// take looks at an event.
func (t *table) take(e *event) {
	t.events++
	if e.who.process != 0 {
		t.happened(placeOf(uint64(e.who.process)), e.time)
	}
	switch e.kind {
	case kindPacket, kindFrame:
		t.happened(placeOf(e.cookie), e.time)
		if f, ok := flowOf(e.sighting.Header[:e.sighting.Kept], e.network); ok {
			t.happened(f.place(), e.time)
		}
		t.packet(e)
	case kindCreate, kindAccept, kindSend, kindReceive, kindPass, kindStood:
		t.happened(placeOf(e.cookie), e.time)
		t.use(e)
	case kindFork:
		t.happened(placeOf(e.cookie), e.time) // the parent
		parent, child := t.state(int(e.cookie)), &state{}
		if parent != nil {
			if len(parent.forks) == maxForks {
				parent.forks, parent.older = slices.Delete(parent.forks, 0, 1), true
			}
			parent.forks = append(parent.forks, e.time)
			child.Process, child.group, child.unseen = parent.Process, parent.group, parent.unseen
		}
		child.parent = int(e.cookie)
		t.processes.put(e.who.process, child)
		t.identify(&e.who, child)
	case kindExec:
		s := t.state(e.who.process)
		if s == nil {
			s = &state{}
			t.processes.put(e.who.process, s)
		}
		s.Process, s.unseen = &Process{Exe: e.file, Args: arguments(e.args)}, true
		t.identify(&e.who, s)
	case kindExit:
		if s := t.state(e.who.process); s != nil {
			s.exited = e.time
		}
	case kindGroup:
		if around, known := t.groups.get(e.cookie); known && len(around)+len(e.file) < maxGroup {
			t.groups.put(e.who.group, strings.TrimSuffix(around, "/")+"/"+e.file)
		}
	}
}

func arguments(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

func (t *table) state(pid int) *state {
	s, _ := t.processes.get(pid)
	return s
}

// process is the process of a task.
func (t *table) process(w *who) *Process {
	s := t.state(w.process)
	if s == nil || s.Process == nil {
		if s == nil {
			s = &state{}
			t.processes.put(w.process, s)
		}
		s.Process = &Process{}
		var group string
		s.Exe, s.Args, group = t.look(w.process)
		if _, known := t.groups.get(w.group); !known && group != "" {
			t.groups.put(w.group, group)
		}
	}
	if s.unseen { // what was executed may have been a link, or a name within a directory
		s.unseen = false
		if exe, _, _ := t.look(w.process); exe != "" && exe != s.Exe {
			p := *s.Process
			p.Exe, s.Process = exe, &p
		}
	}
	t.identify(w, s)
	if s.Process.Parents == nil {
		p := *s.Process
		p.Parents, s.Process = t.ancestors(p.PID), &p
	}
	return s.Process
}

// maxParents bounds how far a process is followed back.
const maxParents = 64

// ancestors are the processes that one descends from. A process that ended gives its children to another
// (PR_SET_CHILD_SUBREAPER, prctl(2)); its number is told where it was seen to make them.
func (t *table) ancestors(pid int) []Parent {
	list := []Parent{}
	_, next := t.ancestor(pid)
	for len(list) < maxParents && next > 0 && !slices.ContainsFunc(list, func(p Parent) bool { return p.PID == next }) { // numbers are used again
		var p Parent
		p, next = t.ancestor(next)
		list = append(list, p)
	}
	return list
}

// ancestor is what is known of a process, and the number of its parent.
func (t *table) ancestor(pid int) (p Parent, parent int) {
	s, known := t.processes.get(pid)
	if known && s.Process != nil && s.PID == pid {
		p = Parent{pid, s.Name, s.UID}
	}
	if known {
		parent = s.parent
	}
	if t.task != nil && (parent == 0 || p.Name == "") {
		there, above := t.task(pid)
		if p.Name == "" {
			p = there
		}
		if parent == 0 {
			parent = above
		}
	}
	p.PID = pid
	return p, parent
}

// identify makes the process of a state what the task shows.
func (t *table) identify(w *who, s *state) {
	if p := s.Process; p != nil && p.PID == w.process && p.Name == w.name && p.UID == w.user && s.group == w.group && (p.Group != "" || w.group == 0) {
		return
	}
	p := Process{}
	if s.Process != nil {
		p = *s.Process
	}
	if p.PID != w.process {
		p.Parents = nil
	}
	p.PID, p.Name, p.UID, p.User = w.process, w.name, w.user, t.users[w.user]
	path, known := t.groups.get(w.group)
	if !known {
		if _, _, path = t.look(w.process); path != "" {
			t.groups.put(w.group, path)
		}
	}
	p.Group = path
	p.Container, p.Unit = Place(path)
	s.Process, s.group = &p, w.group
}

func (t *table) socket(cookie uint64) *socket {
	s, _ := t.sockets.get(cookie)
	if s == nil {
		s = &socket{}
		t.sockets.put(cookie, s)
	}
	return s
}

// use notes that a process used a socket.
func (t *table) use(e *event) {
	s, p := t.socket(e.cookie), t.process(&e.who)
	if e.kind == kindStood {
		if len(s.users) > 0 {
			s.multi = s.multi || slices.ContainsFunc(s.users, func(u use) bool { return u.process.PID != p.PID })
			return // an event is better
		}
		e.time = 0
	}
	s.multi = s.multi || e.multi
	if last := len(s.users) - 1; last >= 0 && s.users[last].process.PID == p.PID && e.kind != kindStood && e.who.thread == 0 {
		s.threads = true
	}
	if len(s.users) == maxUses {
		s.users = slices.Delete(s.users, 0, 1)
	}
	s.users = append(s.users, use{e.time, p, e.kind})
	for i := len(s.users) - 1; i > 0 && s.users[i].at < s.users[i-1].at; i-- { // of two processors
		s.users[i], s.users[i-1] = s.users[i-1], s.users[i]
	}
}

// packet notes a packet at a socket.
func (t *table) packet(e *event) {
	slot := slotTime
	switch s := t.socket(e.cookie); {
	case e.kernel:
		s.kernel, slot = true, slotKernel
	default:
		s.single, s.multi = e.single, s.multi || e.multi
		if e.who.process != 0 {
			slot = s.slot(sender{t.process(&e.who), e.who.thread})
		}
	}
	e.sighting.Cookie = e.cookie<<8 | uint64(slot)
	m := t.matchers[e.network]
	if m == nil {
		m = &trace.Matcher{}
		t.matchers[e.network] = m
	}
	m.AddOne(&e.sighting)
}

// slot is the number of a sender: of a process that sends with several threads none is known.
func (s *socket) slot(from sender) int {
	for i := range s.senders {
		if known := &s.senders[i]; known.process.PID == from.process.PID {
			known.process = from.process
			if known.thread != from.thread {
				known.thread = 0
			}
			return i
		}
	}
	if len(s.senders) == maxSenders {
		return slotTime
	}
	s.senders = append(s.senders, from)
	return len(s.senders) - 1
}

// owner tells whose a socket was when a packet passed it. before is the socket that had its flow before.
func (t *table) owner(tag, before uint64, at time.Duration, role Role) (o Owner) {
	o.Role = role
	at = min(at, math.MaxInt64-useSlack)
	s, _ := t.sockets.get(tag >> 8)
	switch slot := int(tag & 255); {
	case s == nil:
	case slot == slotKernel:
		return Owner{Process: Kernel, Role: role, How: Exact}
	case role == Sender && slot < len(s.senders):
		from := s.senders[slot]
		if s.threads {
			from.thread = 0
		}
		return Owner{Process: from.process, Role: role, Thread: from.thread, How: Exact}
	}
	if s == nil || len(s.users) == 0 {
		if before>>8 != 0 && before>>8 != tag>>8 {
			return t.owner(before|slotTime, 0, at, role)
		}
		return o
	}
	u := s.users[0] // of one that is accepted after the packet came: whoever accepted it
	for _, next := range s.users[1:] {
		if next.at > at+useSlack {
			break
		}
		u = next
	}
	o.Process, o.How = u.process, Exact
	now := t.state(u.process.PID)
	switch {
	case u.kind == kindStood, s.multi && !s.single:
		o.How = Inferred
	case now != nil && (now.made(u.at, at) || now.exited > u.at && now.exited <= at):
		o.How = Inferred
	}
	return o
}

// useSlack is by how much the clocks of a packet and of an event may differ.
const useSlack = 20 * time.Microsecond
