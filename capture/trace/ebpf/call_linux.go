//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"slices"
	"time"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// What the records of a call say.

func (t *Tracer) decoder(r *record, id trace.SocketID) abi.Decoder {
	d := abi.Decoder{Memory: r, Data: t.cfg.data()}
	if d.Data > 0 && t.sockets.Raw(id) {
		d.Data = rawData
	}
	return d
}

// enter begins the record of a call.
func (t *Tracer) enter(p *process, r *record, at time.Duration) {
	th := t.threads[r.tid]
	if th == nil {
		th = &thread{}
		t.threads[r.tid] = th
	}
	t.begun(p, r, th, at)
}

// begun is the beginning of a call, in a thread or submitted by one.
func (t *Tracer) begun(p *process, r *record, th *thread, at time.Duration) {
	s, ok := abi.Lookup(r.number)
	if !ok {
		return
	}
	t.thread = th
	th.number, th.args, th.sockets, th.epolls = r.number, r.args, append(th.sockets[:0], r.sockets...), append(th.epolls[:0], r.epolls...)
	fd, other := abi.DescriptorOf(s.Name, r.args)
	op, id := trace.OpByName, identity(r.socket(fd))
	if s.Name == "splice" {
		op = trace.OpSend
		if id == 0 {
			op, fd, id = trace.OpReceive, other, identity(r.socket(other))
		}
	}
	if fd >= 0 { // or it is in the table of a ring
		t.sockets.Discover(&p.Process, fd, id, at)
	}
	c := &trace.Call{
		Process: p.PID, Thread: r.tid, Actor: p.Name, Host: t.cfg.Host, Name: s.Name, FD: fd, Socket: id, Op: op, Pending: true, Entered: at,
		Ring: r.kind == recordSubmit,
	}
	if r.tid != t.pid {
		if th.of != p.Name {
			th.of, th.actor = p.Name, fmt.Sprintf("%s/%d", p.Name, r.tid)
		}
		c.Actor = th.actor
	}
	t.describe(c, r)
	t.sockets.Waiting(&p.Process, c)
	t.calls++
	c.Number = t.calls
	th.call = c
	t.emit(c)
	t.cookies(r, at)
}

// describe fills in what is known when a call is entered.
func (t *Tracer) describe(c *trace.Call, r *record) {
	d := t.decoder(r, c.Socket)
	d.Enter(c, r.args)
	if c.Op == trace.OpSend && c.Segment == 0 {
		c.Segment = t.sockets.Segment(c.Socket)
	}
}

func identity(s *socket) trace.SocketID {
	if s == nil {
		return 0
	}
	return s.id
}

// leave ends the record of a call. The one that was given when it was entered stays as it is.
func (t *Tracer) leave(p *process, r *record, at time.Duration) {
	th := t.threads[r.tid]
	if th == nil || th.call == nil || th.number != r.number {
		return // its entry was lost
	}
	t.ended(p, r, th, at)
}

// ended is the end of the call of a thread, or of one that was submitted.
func (t *Tracer) ended(p *process, r *record, th *thread, at time.Duration) {
	c := *th.call
	th.call = nil
	t.thread = th
	if r.flags&flagAgain != 0 {
		c.Args, c.Data, c.Size, c.Addr, c.Flags, c.Messages, c.FDs, c.Segment = nil, nil, 0, trace.Addr{}, nil, nil, nil, 0
		if c.FD < 0 { // but for an epoll instance's list, which was known
			c.Waits = nil
		}
		t.describe(&c, r)
		if c.FD < 0 {
			t.sockets.Waiting(&p.Process, &c)
		}
	} else {
		c.Args = c.Args[:len(c.Args):len(c.Args)] // what is added goes elsewhere
	}
	c.Left = at
	d := t.decoder(r, c.Socket)
	d.Leave(&c, th.args, r.result)
	t.place(&c, th, r)
	t.sockets.Apply(&p.Process, &c)
	t.cookies(r, at)
	t.emit(&c)
}

// submitted begins the record of a call that was submitted. Others of the same thread may be on their way.
func (t *Tracer) submitted(p *process, r *record, at time.Duration) {
	if len(t.requests) >= 2*ringsLimit {
		t.forgetRequests()
	}
	th := &thread{}
	t.requests[r.sequence] = th
	t.begun(p, r, th, at)
}

// forgetRequests forgets all but the last of which the kernel's programs still know: what becomes of the others they do
// not tell.
func (t *Tracer) forgetRequests() {
	if !t.forgetful {
		t.forgetful = true
		t.note("more than %d requests of io_uring are on their way: when the oldest of them return is not told", ringsLimit)
	}
	var ids []uint64
	for id := range t.requests {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids[:len(ids)-ringsLimit] {
		delete(t.requests, id)
	}
}

// completed ends the record of such a call. There may be more completions of it: each is a call of its own, that
// follows.
func (t *Tracer) completed(p *process, r *record, at time.Duration) {
	id, flags := r.args[0], r.args[1]
	th := t.requests[id]
	if th == nil || th.call == nil {
		return // its submission was lost
	}
	next := *th.call
	if given := r.args[2]; given != 0 {
		th.args[1] = given
	}
	r.args = th.args
	t.ended(p, r, th, at)
	if flags&cqeMore == 0 {
		delete(t.requests, id)
		return
	}
	t.calls++
	next.Number, next.Entered = t.calls, at
	th.call, th.sockets = &next, append(th.sockets[:0], r.sockets...)
	t.emit(&next)
}

// abandon ends the calls of a process that has ended while they were on their way.
func (t *Tracer) abandon(pid int, at time.Duration) {
	for id, th := range t.requests {
		if th.call != nil && th.call.Process == pid {
			c := *th.call
			c.Ended, c.Left = true, at
			t.emit(&c)
			delete(t.requests, id)
		}
	}
}

// cookies tells the cookies of a call's sockets: one that was accepted had packets before any process had it.
func (t *Tracer) cookies(r *record, at time.Duration) {
	for i := range r.sockets {
		t.sockets.Sight(r.sockets[i].id, r.sockets[i].cookie, at)
	}
}

// end forgets a thread. Of a call in which it ended there is no record of the return.
func (t *Tracer) end(tid int, at time.Duration) {
	if th := t.threads[tid]; th != nil && th.call != nil {
		c := *th.call
		c.Ended, c.Left = true, at
		t.emit(&c)
	}
	delete(t.threads, tid)
}

// moment is what is known of sockets at the time of the record that is being looked at.
type moment struct{ *Tracer }

func (m moment) find(fd int) *socket {
	if s := m.record.socket(fd); s != nil {
		return s
	}
	if m.thread != nil {
		for i := range m.thread.sockets {
			if m.thread.sockets[i].fd == fd {
				return &m.thread.sockets[i]
			}
		}
	}
	return nil
}

// Descriptor returns which socket a descriptor was.
func (m moment) Descriptor(_, fd int) trace.SocketID { return identity(m.find(fd)) }

// Opened is of no interest: the kernel's programs look at every descriptor.
func (moment) Opened(*abi.Process, int) {}

// Inspect says what it was.
func (m moment) Inspect(p *abi.Process, fd int, st *trace.State) {
	s := m.find(fd)
	if s == nil || s.id != st.Socket {
		if m.attach == p.PID && abi.SocketOf(p.PID, fd) == st.Socket {
			m.processes[p.PID].borrower.Borrow(p.PID, fd, func(fd int) { abi.Inspect(fd, st) })
		}
		return
	}
	st.Family, st.Kind, st.Protocol = abi.FamilyOf(s.family), abi.KindOf(s.typ), uint8(s.protocol)
	st.Local, st.Remote = s.local, s.remote
}

// Epoll returns which instance it was.
func (m moment) Epoll(fd int) abi.EpollID {
	for _, e := range m.record.epolls {
		if e.fd == fd {
			return e.id
		}
	}
	if m.thread != nil {
		for _, e := range m.thread.epolls {
			if e.fd == fd {
				return e.id
			}
		}
	}
	return 0
}

// Interest returns what an instance waited for when its process was attached to, once.
func (m moment) Interest(p *abi.Process, fd int) ([]trace.Wait, bool) {
	of := m.processes[p.PID]
	list, ok := of.inherited[fd]
	delete(of.inherited, fd)
	return list, ok
}
