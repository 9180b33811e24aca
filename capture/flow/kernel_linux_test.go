package flow_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"sockwire/capture/flow"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// kernel listens at the kernel's own trace points tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack
// (include/trace/events/tcp.h): what was sent again, and in which state the connection's congestion control was.
type kernel struct {
	maps     []*ebpf.Map
	programs []*ebpf.Program
	links    []link.Link
	reader   *ringbuf.Reader
}

// resent is a segment that the kernel sent again.
type resent struct {
	network  uint32 // inode of the network namespace
	seq, end uint32
	local    uint16
	remote   uint16
	state    caState
	pending  uint8 // the timer that is set: ICSK_TIME_*
	timeouts uint8 // icsk_retransmits
	synack   bool
}

// caState is enum tcp_ca_state of include/uapi/linux/tcp.h.
type caState uint8

const (
	caOpen caState = iota
	caDisorder
	caCWR
	caRecovery
	caLoss
)

const lossProbe = 5 // ICSK_TIME_LOSS_PROBE of include/net/inet_connection_sock.h

func (r *resent) String() string {
	return fmt.Sprintf("%d>%d %d:%d state %d timer %d timeouts %d", r.local, r.remote, r.seq, r.end, r.state, r.pending, r.timeouts)
}

// What a program records of a segment, in native order.
const (
	atNetwork = 0
	atSeq     = 4
	atEnd     = 8
	atError   = 12
	atLocal   = 16
	atRemote  = 18
	atState   = 20
	atPending = 21
	atCount   = 22
	atSYNACK  = 23
	atSize    = 24
)

// fields finds offsets in the kernel's structures.
type fields struct {
	spec *btf.Spec
	err  error
}

func (f *fields) at(structure, path string) int16 {
	var s *btf.Struct
	if err := f.spec.TypeByName(structure, &s); err != nil {
		f.err = errors.Join(f.err, err)
		return 0
	}
	var t btf.Type = s
	at := uint32(0)
next:
	for name := range strings.SplitSeq(path, ".") {
		for level := []btf.Type{t}; len(level) > 0; level = level[1:] {
			base := at
			var members []btf.Member
			switch t := btf.UnderlyingType(level[0]).(type) {
			case *btf.Struct:
				members = t.Members
			case *btf.Union:
				members = t.Members
			}
			if off, inner, ok := member(members, name); ok {
				at, t = base+off, inner
				continue next
			}
		}
		f.err = errors.Join(f.err, fmt.Errorf("struct %s has no %s", structure, path))
		return 0
	}
	return int16(at)
}

// member finds a member, also in structures without a name.
func member(members []btf.Member, name string) (uint32, btf.Type, bool) {
	for _, m := range members {
		if m.Name == name {
			return m.Offset.Bytes(), m.Type, true
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if m.Name == "" {
			if off, t, ok := member(inner, name); ok {
				return m.Offset.Bytes() + off, t, true
			}
		}
	}
	return 0, nil, false
}

// listen puts the programs at the trace points.
func listen() (k *kernel, err error) {
	k = &kernel{}
	defer func() {
		if err != nil {
			k.close()
			k = nil
		}
	}()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return k, err
	}
	ring, err := ebpf.NewMap(&ebpf.MapSpec{Name: "flow_test", Type: ebpf.RingBuf, MaxEntries: 4 << 20})
	if err != nil {
		return k, err
	}
	k.maps = append(k.maps, ring)
	if k.reader, err = ringbuf.NewReader(ring); err != nil {
		return k, err
	}
	f := &fields{spec: spec}
	for name, program := range map[string]asm.Instructions{"tcp_retransmit_skb": f.segment(ring), "tcp_retransmit_synack": f.synack(ring)} {
		if f.err != nil {
			return k, f.err
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "flow_test", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: name, Instructions: program, License: "GPL",
		})
		if err != nil {
			return k, fmt.Errorf("the program at %s: %w", name, err)
		}
		k.programs = append(k.programs, p)
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return k, fmt.Errorf("attach to %s: %w", name, err)
		}
		k.links = append(k.links, l)
	}
	return k, nil
}

// record makes R9 a record, all zeros, or leaves.
func record(ring *ebpf.Map) asm.Instructions {
	p := asm.LoadMapPtr(asm.R1, 0)
	if err := p.AssociateMap(ring); err != nil {
		panic(err) // a map that was just made
	}
	all := asm.Instructions{
		p,
		asm.Mov.Imm(asm.R2, atSize), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R9, asm.R0),
		asm.Mov.Imm(asm.R0, 0),
	}
	for at := int16(0); at < atSize; at += 8 {
		all = append(all, asm.StoreMem(asm.R9, at, asm.R0, asm.DWord))
	}
	return all
}

// copyField copies a field of the structure at src into the record.
func (f *fields) copyField(src asm.Register, structure, path string, at int16, size asm.Size) asm.Instructions {
	return asm.Instructions{asm.LoadMem(asm.R1, src, f.at(structure, path), size), asm.StoreMem(asm.R9, at, asm.R1, size)}
}

func submit() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R9), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return(),
	}
}

// network writes which network namespace the socket at R6 belongs to.
func (f *fields) network() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R6, f.at("sock", "__sk_common.skc_net.net"), asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, f.at("net", "ns.inum"), asm.Word),
		asm.StoreMem(asm.R9, atNetwork, asm.R1, asm.Word),
	}
}

// segment is the program at tcp_retransmit_skb(sk, skb, err).
func (f *fields) segment(ring *ebpf.Map) (all asm.Instructions) {
	all = asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord), asm.LoadMem(asm.R8, asm.R1, 16, asm.DWord),
	}
	all = append(all, record(ring)...)
	all = append(all, f.network()...)
	cb := f.at("sk_buff", "cb")
	for _, m := range []struct {
		from string
		to   int16
	}{{"seq", atSeq}, {"end_seq", atEnd}} {
		all = append(all, asm.LoadMem(asm.R1, asm.R7, cb+f.at("tcp_skb_cb", m.from), asm.Word), asm.StoreMem(asm.R9, m.to, asm.R1, asm.Word))
	}
	all = append(all, asm.StoreMem(asm.R9, atError, asm.R8, asm.Word))
	all = append(all, f.copyField(asm.R6, "sock", "__sk_common.skc_num", atLocal, asm.Half)...)
	all = append(all, f.copyField(asm.R6, "sock", "__sk_common.skc_dport", atRemote, asm.Half)...)
	all = append(all, asm.Mov.Reg(asm.R1, asm.R6), asm.FnSkcToTcpSock.Call(), asm.JEq.Imm(asm.R0, 0, "done"), asm.Mov.Reg(asm.R7, asm.R0))
	all = append(all, f.copyField(asm.R7, "tcp_sock", "inet_conn.icsk_pending", atPending, asm.Byte)...)
	all = append(all, f.copyField(asm.R7, "tcp_sock", "inet_conn.icsk_retransmits", atCount, asm.Byte)...)
	all = append(all, f.copyField(asm.R7, "tcp_sock", "inet_conn.icsk_ca_state", atState, asm.Byte)...)
	end := submit()
	end[0] = end[0].WithSymbol("done")
	return append(all, end...)
}

// synack is the program at tcp_retransmit_synack(sk, req).
func (f *fields) synack(ring *ebpf.Map) (all asm.Instructions) {
	all = asm.Instructions{asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord)}
	all = append(all, record(ring)...)
	all = append(all, f.network()...)
	all = append(all, f.copyField(asm.R7, "request_sock", "__req_common.skc_num", atLocal, asm.Half)...)
	all = append(all, f.copyField(asm.R7, "request_sock", "__req_common.skc_dport", atRemote, asm.Half)...)
	all = append(all, asm.Mov.Imm(asm.R1, 1), asm.StoreMem(asm.R9, atSYNACK, asm.R1, asm.Byte))
	return append(all, submit()...)
}

// skipped returns how often a program was not run because a timer interrupted it on the same processor, and would have
// run it again: the kernel runs a program of a trace point once at a time there (bpf_prog_active in
// kernel/trace/bpf_trace.c).
func (k *kernel) skipped() (n int, err error) {
	for _, p := range k.programs {
		st, err := p.Stats()
		if err != nil {
			return n, err
		}
		n += int(st.RecursionMisses)
	}
	return n, nil
}

// read takes all records out that there are.
func (k *kernel) read() (all []*resent, err error) {
	k.reader.SetDeadline(time.Unix(1, 0)) // do not wait
	for {
		r, err := k.reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		b, order := r.RawSample, binary.NativeEndian
		if order.Uint32(b[atError:]) != 0 {
			continue // it was not sent
		}
		all = append(all, &resent{
			network: order.Uint32(b[atNetwork:]), seq: order.Uint32(b[atSeq:]), end: order.Uint32(b[atEnd:]),
			local: order.Uint16(b[atLocal:]), remote: binary.BigEndian.Uint16(b[atRemote:]),
			state: caState(b[atState] & 0x1f), pending: b[atPending], timeouts: b[atCount], synack: b[atSYNACK] != 0,
		})
	}
}

func (k *kernel) close() {
	for _, l := range k.links {
		l.Close()
	}
	for _, p := range k.programs {
		p.Close()
	}
	if k.reader != nil {
		k.reader.Close()
	}
	for _, m := range k.maps {
		m.Close()
	}
}

// cause is what the state means.
func (r *resent) cause(sack bool) flow.Cause {
	switch {
	case r.synack, r.state == caLoss:
		return flow.Timer
	case r.state == caRecovery && sack:
		return flow.SACK
	case r.state == caRecovery:
		return flow.Fast
	case r.pending == lossProbe:
		return flow.TailProbe
	}
	return flow.Unknown
}

// resends finds what the kernel told of each transmission of a network that has bytes which were sent before. All that
// it told must have been captured. It does not tell all: about one in 300 is sent from a timer, counted by the kernel
// and captured, and its trace points are not called. The kernel's own count must be that of the capture.
func (w *world) resends(t *testing.T, n *network) (told map[*transmission]*resent, untold []*transmission) {
	told = map[*transmission]*resent{}
	for d, sent := range n.truth.sent {
		var here []*resent
		for _, r := range w.resent {
			if r.network == uint32(n.inodes[d]) && r.of(n.talk, d) {
				here = append(here, r)
			}
		}
		captured := 0
		used, done := map[*resent]bool{}, map[*resent]bool{}
		for _, tx := range sent {
			if len(tx.earlier) == 0 {
				continue
			}
			captured++
			// The kernel may send several segments at once: one record for all.
			// Two processors may tell in another order than they sent, so none is passed over for good.
			i := slices.IndexFunc(here, func(r *resent) bool { return !done[r] && r.is(tx) })
			if i < 0 {
				untold = append(untold, tx)
				continue
			}
			r := here[i]
			told[tx], used[r] = r, true
			done[r] = r.synack || r.end == tx.seq+tx.space()
			for _, before := range here[:i] {
				done[before] = done[before] || used[before]
			}
		}
		for _, r := range here {
			if !used[r] {
				t.Errorf("%s: the kernel told of %v of %c, which was not captured", n.name, r, 'a'+rune(d))
			}
		}
		if n.again[d] != captured {
			t.Errorf("%s: %c sent %d segments again, and %d were captured", n.name, 'a'+rune(d), n.again[d], captured)
		}
	}
	return told, untold
}

// of tells whether the segment is one that client or server sent: numbers of namespaces are used again.
func (r *resent) of(k *talk, d int) bool {
	local, remote := k.client.Port(), k.server.Port()
	if d == 1 {
		local, remote = remote, local
	}
	return r.local == local && r.remote == remote
}

func (r *resent) is(tx *transmission) bool {
	if r.synack {
		return tx.flags&wire.SYN != 0
	}
	return int32(tx.seq-r.seq) >= 0 && int32(r.end-tx.seq-tx.space()) >= 0
}

// TestKernel: what the kernel's trace points tell of what it sent again is what the captures show, with its cause.
func TestKernel(t *testing.T) {
	w := theWorld(t)
	netlab.NeedRoot(t, w.deaf) // without its trace points only the links' records judge
	counts := map[string]int{}
	judged, wrong := map[string]int{}, map[string]int{}
	told, untold := 0, 0
	for _, n := range w.networks {
		resends, others := w.resends(t, n)
		told += len(resends)
		untold += len(others)
		for _, p := range n.places {
			got := follow(p.frames)
			for i, s := range n.truth.sights[p] {
				if s == nil || !s.whole || s.copy || resends[s.transmission] == nil {
					continue
				}
				r := resends[s.transmission]
				want, said := r.cause(n.settings["net.ipv4.tcp_sack"] != "0"), flow.NoCause
				for _, v := range got.by[uint64(i+1)] {
					if v.Kind == flow.Retransmission {
						said = v.Cause
					}
				}
				counts[fmt.Sprintf("%-10s %-16s said %s", p.name, want, said)]++
				judged[p.name]++
				if want != said {
					wrong[p.name]++
					t.Logf("%s at the %s: frame %d: %s: the kernel says %s (%v), not %s", n.name, p.name, i+1, n.truth.describe(p, i), want, r, said)
				}
			}
		}
	}
	t.Logf("the trace points told of %d retransmissions, and not of %d; %d times a program was not run", told, untold, w.skipped)
	if untold > 3+told/50 {
		t.Error("too many to be judged by them")
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.Log(name, counts[name])
	}
	for place, n := range judged { // far from the sender, what made it send again may not be seen
		if most := map[bool]int{true: n / 25, false: n / 12}[place == "sender"]; wrong[place] > 4+most {
			t.Errorf("at the %s %d causes of %d are not the kernel's", place, wrong[place], n)
		}
	}
}
