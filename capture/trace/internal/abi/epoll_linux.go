package abi

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/capture/trace"
)

// EpollID names an epoll instance; 0 is not known.
type EpollID uint64

// maxEpolls is how many instances are followed. That one is closed is not always seen, so the one that was used longest
// ago makes room.
const maxEpolls = 1024

// epoll is what is known of an epoll instance.
type epoll struct {
	list    []*interest // in the order in which they were added
	byData  map[uint64][]*interest
	shown   []trace.Wait  // the list as calls share it, nil when it has changed
	changed time.Duration // when something was added last
	used    int           // on the counter of epolls
}

// interest is a descriptor in an interest list.
type interest struct {
	trace.Wait
	off bool // reported once, with EPOLLONESHOT: it is not waited for until it is changed
}

// epolls are the epoll instances of all processes. The zero value is ready.
type epolls struct {
	all  map[EpollID]*epoll
	last EpollID // that was given
	uses int
}

// instance returns what an instance is known to wait for; make says that there is one, if it is not known.
func (t *epolls) instance(id EpollID, make bool) *epoll {
	t.uses++
	e := t.all[id]
	if e == nil && make && id != 0 {
		e = t.fresh(id)
	}
	if e != nil {
		e.used = t.uses
	}
	return e
}

// fresh begins an instance of that identity, which an earlier one may have had.
func (t *epolls) fresh(id EpollID) *epoll {
	if t.all == nil {
		t.all = map[EpollID]*epoll{}
	}
	if t.all[id] == nil && len(t.all) >= maxEpolls {
		oldest := EpollID(0)
		for other, e := range t.all {
			if oldest == 0 || e.used < t.all[oldest].used {
				oldest = other
			}
		}
		delete(t.all, oldest)
	}
	e := &epoll{byData: map[uint64][]*interest{}, used: t.uses}
	t.all[id] = e
	return e
}

// number is an identity that was not given before.
func (t *epolls) number() EpollID {
	t.last++
	return t.last
}

// closed takes a socket out of all interest lists, as the kernel does when its last descriptor is closed.
func (t *epolls) closed(id trace.SocketID) {
	for _, e := range t.all {
		e.drop(func(x *interest) bool { return x.Socket == id })
	}
}

// set adds a descriptor, or changes what is waited for. The kernel tells descriptors apart by number and file. Of one
// that is no socket it is not seen that it is closed: what has its number now takes its place.
func (e *epoll) set(w trace.Wait) {
	for _, x := range e.list {
		if x.FD == w.FD && (x.Socket == w.Socket || x.Socket == 0) {
			if !x.off {
				w.Since = x.Since
			}
			e.unlink(x)
			x.Wait, x.off = w, false
			e.link(x)
			return
		}
	}
	x := &interest{Wait: w}
	e.list = append(e.list, x)
	e.link(x)
}

func (e *epoll) link(x *interest) {
	e.byData[x.Data] = append(e.byData[x.Data], x)
	e.shown, e.changed = nil, max(e.changed, x.Since)
}

func (e *epoll) unlink(x *interest) {
	rest := slices.DeleteFunc(e.byData[x.Data], func(y *interest) bool { return x == y })
	if e.byData[x.Data] = rest; len(rest) == 0 {
		delete(e.byData, x.Data)
	}
}

func (e *epoll) drop(gone func(*interest) bool) {
	n := len(e.list)
	e.list = slices.DeleteFunc(e.list, func(x *interest) bool {
		if gone(x) {
			e.unlink(x)
			return true
		}
		return false
	})
	if len(e.list) != n {
		e.shown = nil
	}
}

// waits returns what is waited for, as far as it may be listed, and how many more there are.
func (e *epoll) waits() (all []trace.Wait, more int) {
	if e.shown == nil {
		for _, x := range e.list {
			if x.off {
				continue
			}
			if e.shown = append(e.shown, x.Wait); len(e.shown) == MaxWaits {
				break
			}
		}
	}
	if len(e.shown) == MaxWaits {
		more = max(len(e.list)-MaxWaits, 0)
	}
	return e.shown[:len(e.shown):len(e.shown)], more
}

// since returns what came into the list after a time.
func (e *epoll) since(t time.Duration) (all []trace.Wait) {
	if e.changed <= t {
		return nil
	}
	for _, x := range e.list {
		if x.Since > t && !x.off && len(all) < MaxWaits {
			all = append(all, x.Wait)
		}
	}
	return all
}

// reported finds which descriptors events are of, by their data. Where several have the same data it is not known.
func (e *epoll) reported(ready []trace.Wait) {
	for i := range ready {
		r := &ready[i]
		if same := e.byData[r.Data]; len(same) == 1 {
			x := same[0]
			r.FD, r.Socket = x.FD, x.Socket
			if x.Events&trace.OneShot != 0 {
				x.off, e.shown = true, nil
			}
		}
	}
}

// instance finds the epoll instance of a descriptor. One of which nothing is known yet is what the kernel says it is.
func (t *Sockets) instance(p *Process, fd int, make bool) *epoll {
	id := t.kernel.Epoll(fd)
	if id == 0 {
		id = p.epolls[fd]
	}
	if e := t.epolls.instance(id, false); e != nil {
		return e
	}
	before, known := t.kernel.Interest(p, fd)
	if !known && !make {
		return nil
	}
	if id == 0 {
		id = t.epolls.number()
		t.setEpoll(p, fd, id)
	}
	e := t.epolls.instance(id, true)
	for _, w := range before {
		if w.Socket != p.fds[w.FD] {
			w.Socket = 0
		}
		e.set(w)
	}
	return e
}

// setEpoll notes which epoll instance a descriptor is. That it is copied is to be seen.
func (t *Sockets) setEpoll(p *Process, fd int, id EpollID) {
	t.kernel.Opened(p, fd)
	if p.epolls == nil {
		p.epolls = map[int]EpollID{}
	}
	p.epolls[fd] = id
}

// IsEpoll tells whether a descriptor was seen to be an epoll instance.
func (p *Process) IsEpoll(fd int) bool { return p.epolls[fd] != 0 }

// CopyEpoll notes that a descriptor of an epoll instance has another number too.
func (t *Sockets) CopyEpoll(p *Process, from, to int) {
	if id := p.epolls[from]; id != 0 && to >= 0 {
		t.setEpoll(p, to, id)
	}
}

// Waiting says what a call waits for that is being entered.
func (t *Sockets) Waiting(p *Process, c *trace.Call) {
	switch c.Name {
	case "epoll_wait", "epoll_pwait", "epoll_pwait2":
		if e := t.instance(p, c.FD, false); e != nil {
			c.Waits, c.Unlisted = e.waits()
		}
	default:
		for i := range c.Waits {
			c.Waits[i].Socket = p.fds[c.Waits[i].FD]
		}
	}
}

// applyWait follows what a call that has succeeded did to an epoll instance, and says what it found to be ready.
func (t *Sockets) applyWait(p *Process, c *trace.Call) {
	switch c.Name {
	case "epoll_create", "epoll_create1":
		id := t.kernel.Epoll(int(c.Result))
		if id == 0 {
			id = t.epolls.number()
			t.setEpoll(p, int(c.Result), id)
		}
		t.epolls.fresh(id)
	case "epoll_ctl":
		epfd, _ := c.Arg("epfd")
		op, _ := c.Arg("op")
		e := t.instance(p, int(epfd.Int), true)
		if e == nil {
			return
		}
		if op.Text == "EPOLL_CTL_DEL" {
			e.drop(func(x *interest) bool { return x.FD == c.FD && x.Socket == c.Socket })
			return
		}
		events, _ := c.Arg("events")
		data, ok := c.Arg("data")
		if ok {
			e.set(trace.Wait{FD: c.FD, Socket: c.Socket, Events: trace.Readiness(events.Int), Data: uint64(data.Int), Since: c.Left})
		}
	case "epoll_wait", "epoll_pwait", "epoll_pwait2":
		if e := t.instance(p, c.FD, true); e != nil {
			c.Waits = append(c.Waits, e.since(c.Entered)...) // elsewhere: the list has no room behind it
			e.reported(c.Ready)
		}
	case "poll", "ppoll", "select", "pselect6":
		at := 0 // both are in the same order
		for i := range c.Ready {
			for at < len(c.Waits) && c.Waits[at].FD != c.Ready[i].FD {
				at++
			}
			if at < len(c.Waits) {
				c.Ready[i].Socket = c.Waits[at].Socket
			}
		}
	}
}

// ScanEpolls reads which descriptors of a process are epoll instances, and what each waits for.
func ScanEpolls(pid int) map[int][]trace.Wait {
	found := map[int][]trace.Wait{}
	for fd := range descriptors(pid) {
		if list, ok := Interest(pid, fd); ok {
			found[fd] = list
		}
	}
	return found
}

// Interest reads what an epoll instance waits for (Documentation/filesystems/proc.rst, eventpoll files), and tells
// whether the descriptor is one. What Socket says is the inode of any kind of file.
func Interest(pid, fd int) ([]trace.Wait, bool) {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	if err != nil || target != "anon_inode:[eventpoll]" {
		return nil, false
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	var list []trace.Wait
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w, ok := parseInterest(lines.Bytes()); ok {
			list = append(list, w)
		}
	}
	return list, true
}

// parseInterest reads one line: tfd: 5 events: 19 data: 5 pos:0 ino:8f3 sdev:9, of which all but the first are
// hexadecimal.
func parseInterest(line []byte) (trace.Wait, bool) {
	text, ok := bytes.CutPrefix(line, []byte("tfd:"))
	if !ok {
		return trace.Wait{}, false
	}
	fields := strings.Fields(strings.ReplaceAll(string(text), ":", ": "))
	if len(fields) < 5 || fields[1] != "events:" || fields[3] != "data:" {
		return trace.Wait{}, false
	}
	fd, err := strconv.Atoi(fields[0])
	events, err2 := strconv.ParseUint(fields[2], 16, 32)
	data, err3 := strconv.ParseUint(fields[4], 16, 64)
	if err != nil || err2 != nil || err3 != nil || fd < 0 {
		return trace.Wait{}, false
	}
	// The kernel waits for errors and ends whether it is asked to or not.
	w := trace.Wait{FD: fd, Events: trace.Readiness(events) &^ (trace.Failed | trace.HungUp), Data: data}
	for i := 5; i+1 < len(fields); i++ {
		if inode, err := strconv.ParseUint(fields[i+1], 16, 64); err == nil && fields[i] == "ino:" {
			w.Socket = trace.SocketID(inode)
		}
	}
	return w, true
}
