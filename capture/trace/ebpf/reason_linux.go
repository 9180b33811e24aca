//go:build amd64 || arm64

package ebpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace"
	"sockwire/raw/wire"
)

// reasons are programs where TCP sends a segment again or resets a connection (include/trace/events/tcp.h): they record
// which one and what the kernel's own state says of why.
type reasons struct {
	bpfprog.Loaded
	lost    *ebpf.Map
	resets  map[uint32]string // enum sk_rst_reason, by the running kernel; empty before Linux 6.12, which gives none
	unnamed bool              // the trace point passes no reason
}

// What a program records, in native order.
const (
	rsTime    = 0
	rsKind    = 8
	rsState   = 9  // icsk_ca_state
	rsPending = 10 // icsk_pending: the timer that runs
	rsSocket  = 11 // there is one
	rsReason  = 12
	rsFamily  = 16
	rsLocal   = 18 // ports, in network order
	rsRemote  = 20
	rsHeader  = 22 // the bytes of the packet that is answered are there
	rsFrom    = 24
	rsTo      = 40
	rsSeq     = 56
	rsEnd     = 60
	rsBytes   = 64
	rsSize    = 128

	reasonAgain    = 1
	reasonAccepted = 2 // the answer to a SYN is sent again
	reasonReset    = 3

	reasonRing    = 1 << 20
	reasonsAtOnce = 1 << 12
)

// openReasons puts the programs into the kernel, for a network namespace.
func openReasons(network uint64) (r *reasons, err error) {
	r = &reasons{resets: map[uint32]string{}}
	defer func() {
		if err != nil {
			r.Close()
			r = &reasons{}
		}
	}()
	spec, err := bpfprog.KernelTypes()
	if err != nil {
		return r, fmt.Errorf("read the kernel's type information: %w", err)
	}
	var names *btf.Enum
	if spec.TypeByName("sk_rst_reason", &names) == nil {
		for _, v := range names.Values {
			r.resets[uint32(v.Value)] = strings.TrimPrefix(v.Name, "SK_RST_REASON_")
		}
	}
	r.unnamed = passed(spec, "tcp_send_reset") < 3
	var ring *ebpf.Map
	err = r.Make(
		bpfprog.Map{To: &ring, Spec: ebpf.MapSpec{Name: "sockwire_reason", Type: ebpf.RingBuf, MaxEntries: reasonRing}},
		bpfprog.Map{To: &r.lost, Spec: ebpf.MapSpec{Name: "sockwire_unsaid", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	)
	if err != nil {
		return r, err
	}
	if err := r.Open(ring); err != nil {
		return r, err
	}
	l := bpfprog.NewLayout(spec)
	for _, p := range []struct {
		point string
		kind  int64
	}{{"tcp_retransmit_skb", reasonAgain}, {"tcp_retransmit_synack", reasonAccepted}, {"tcp_send_reset", reasonReset}} {
		c := &code{bpfprog.New(l)}
		c.reason(ring, r.lost, uint32(network), p.kind, passed(spec, p.point))
		if err := r.Run(c.Code, bpfprog.Point("sockwire_reason", p.point)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// passed is how many arguments a trace point passes.
func passed(spec *btf.Spec, point string) int {
	var def *btf.Typedef
	if spec.TypeByName("btf_trace_"+point, &def) != nil {
		return 0
	}
	if pointer, ok := btf.UnderlyingType(def).(*btf.Pointer); ok {
		if proto, ok := pointer.Target.(*btf.FuncProto); ok {
			return len(proto.Params) - 1 // the first is the program's own
		}
	}
	return 0
}

// reason is the program at one of the trace points: the socket, perhaps the packet, and what more they pass.
func (c *code) reason(ring, lost *ebpf.Map, network uint32, kind int64, args int) {
	const sock, skb, third, net = -8, -16, -24, -32
	r1, r6, r7, r9 := asm.R1, asm.R6, asm.R7, asm.R9
	c.Function("reason")
	c.Add(
		asm.LoadMem(r6, r1, 0, asm.DWord), asm.StoreMem(asm.RFP, sock, r6, asm.DWord),
		asm.LoadMem(r6, r1, 8, asm.DWord), asm.StoreMem(asm.RFP, skb, r6, asm.DWord),
		bpfprog.StoreImm(asm.RFP, third, 0, asm.DWord), bpfprog.StoreImm(asm.RFP, net, 0, asm.DWord),
	)
	if args > 2 {
		c.Add(asm.LoadMem(asm.R2, r1, 16, asm.DWord), asm.StoreMem(asm.RFP, third, asm.R2, asm.DWord))
	}
	if kind == reasonAgain && args > 2 { // an error: nothing was sent
		c.Add(asm.LSh.Imm(asm.R2, 32), asm.JNE.Imm(asm.R2, 0, c.To("out")))
	}
	if kind == reasonAccepted {
		c.Add(asm.StoreMem(asm.RFP, sock, r6, asm.DWord), bpfprog.StoreImm(asm.RFP, skb, 0, asm.DWord)) // the second is the request
	}
	c.Add(asm.LoadMem(r1, asm.RFP, sock, asm.DWord), asm.Mov.Imm(r7, 0), asm.JEq.Imm(r1, 0, c.To("none")))
	c.Cast("sock_common")
	c.Add(asm.Mov.Reg(r7, asm.R0))
	c.Load(r1, r7, "sock_common", "skc_net.net", asm.DWord)
	c.Add(asm.Ja.Label(c.To("network")))
	c.At("none")
	c.Add(asm.LoadMem(r1, asm.RFP, skb, asm.DWord), asm.JEq.Imm(r1, 0, c.To("out")))
	c.Cast("sk_buff")
	c.Load(r1, asm.R0, "sk_buff", "dev", asm.DWord)
	c.Add(asm.JEq.Imm(r1, 0, c.To("out")))
	c.Load(r1, r1, "net_device", "nd_net.net", asm.DWord)
	c.At("network")
	c.Add(asm.JEq.Imm(r1, 0, c.To("out")))
	c.Load(r1, r1, "net", "ns.inum", asm.Word)
	c.Add(asm.Mov.Imm32(asm.R2, int32(network)), asm.JNE.Reg(r1, asm.R2, c.To("out")))

	c.Reserve(ring, lost, rsSize, "out")
	c.Add(asm.Mov.Reg(r9, asm.R0))
	for at := int16(0); at < rsSize; at += 8 {
		c.Add(bpfprog.StoreImm(r9, at, 0, asm.DWord))
	}
	c.Add(
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, rsTime, asm.R0, asm.DWord),
		bpfprog.StoreImm(r9, rsKind, kind, asm.Byte),
		asm.LoadMem(r1, asm.RFP, third, asm.DWord), asm.StoreMem(r9, rsReason, r1, asm.Word),
		asm.JEq.Imm(r7, 0, c.To("packet")),
	)
	c.ends(sock, kind == reasonAccepted)
	switch kind {
	case reasonAgain:
		c.congestion(sock)
		c.Add(asm.LoadMem(r1, asm.RFP, skb, asm.DWord))
		c.Cast("sk_buff")
		c.Load(r1, asm.R0, "sk_buff", "cb", asm.Word) // struct tcp_skb_cb: seq, end_seq
		c.Add(asm.StoreMem(r9, rsSeq, r1, asm.Word), asm.LoadMem(r1, asm.R0, c.Offset("sk_buff", "cb")+4, asm.Word), asm.StoreMem(r9, rsEnd, r1, asm.Word))
	case reasonAccepted:
		c.Add(asm.LoadMem(r1, asm.RFP, sock, asm.DWord))
		c.Cast("tcp_request_sock")
		c.Copy(r9, rsSeq, asm.R0, asm.Word, "tcp_request_sock.snt_isn")
	}
	c.At("packet")
	if kind == reasonReset {
		c.answered(skb)
	}
	c.At("submit")
	c.Submit(r9)
	c.At("out")
	c.Ret(0)
}

// ends records the addresses of the socket in R7, a struct sock_common. A whole one that is closed has its port in its
// struct inet_sock alone.
func (c *code) ends(sock int16, request bool) {
	field := func(at int16, name string, size asm.Size) { c.Copy(asm.R9, at, asm.R7, size, "sock_common."+name) }
	c.Add(bpfprog.StoreImm(asm.R9, rsSocket, 1, asm.Byte))
	if request {
		c.Load(asm.R1, asm.R7, "sock_common", "skc_num", asm.Half)
		c.Add(asm.HostTo(asm.BE, asm.R1, asm.Half), asm.StoreMem(asm.R9, rsLocal, asm.R1, asm.Half))
	} else {
		c.Add(asm.LoadMem(asm.R1, asm.RFP, sock, asm.DWord))
		c.Cast("inet_sock")
		c.Copy(asm.R9, rsLocal, asm.R0, asm.Half, "inet_sock.inet_sport")
	}
	field(rsRemote, "skc_dport", asm.Half)
	field(rsFamily, "skc_family", asm.Half)
	c.Add(asm.JEq.Imm(asm.R1, unix.AF_INET6, c.To("six")))
	field(rsFrom, "skc_rcv_saddr", asm.Word)
	field(rsTo, "skc_daddr", asm.Word)
	c.Add(asm.Ja.Label(c.To("ended")))
	c.At("six")
	for _, half := range []int16{0, 8} {
		for at, name := range map[int16]string{rsFrom: "skc_v6_rcv_saddr", rsTo: "skc_v6_daddr"} {
			c.Add(asm.LoadMem(asm.R1, asm.R7, c.Offset("sock_common", name)+half, asm.DWord), asm.StoreMem(asm.R9, at+half, asm.R1, asm.DWord))
		}
	}
	c.At("ended")
}

// congestion records what state TCP is in, and which timer runs.
func (c *code) congestion(sock int16) {
	c.Add(asm.LoadMem(asm.R1, asm.RFP, sock, asm.DWord))
	c.Cast("inet_connection_sock")
	c.Copy(asm.R9, rsState, asm.R0, asm.Byte, "inet_connection_sock.icsk_ca_state")
	c.Copy(asm.R9, rsPending, asm.R0, asm.Byte, "inet_connection_sock.icsk_pending")
}

// answered records the headers of the packet that a reset answers.
func (c *code) answered(skb int16) {
	c.Add(asm.LoadMem(asm.R1, asm.RFP, skb, asm.DWord), asm.JEq.Imm(asm.R1, 0, c.To("submit")))
	c.Cast("sk_buff")
	c.Load(asm.R3, asm.R0, "sk_buff", "head", asm.DWord)
	c.Load(asm.R2, asm.R0, "sk_buff", "network_header", asm.Half)
	c.Add(
		asm.Add.Reg(asm.R3, asm.R2),
		asm.Mov.Reg(asm.R1, asm.R9), asm.Add.Imm(asm.R1, rsBytes), asm.Mov.Imm(asm.R2, rsSize-rsBytes), asm.FnProbeReadKernel.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("submit")),
		bpfprog.StoreImm(asm.R9, rsHeader, 1, asm.Byte),
	)
}

var errReason = errors.New("a record of a reason that the programs do not write")

// parse reads what a program recorded. Whatever b is, it gives a reason or an error. Its time is that of
// CLOCK_MONOTONIC.
func (r *reasons) parse(b []byte) (*trace.Reason, error) {
	if len(b) != rsSize {
		return nil, errReason
	}
	e := &trace.Reason{Time: time.Duration(order.Uint64(b[rsTime:])), Seq: order.Uint32(b[rsSeq:]), End: order.Uint32(b[rsEnd:]), Reset: b[rsKind] == reasonReset}
	addr := func(at int) netip.Addr {
		if order.Uint16(b[rsFamily:]) == unix.AF_INET6 {
			return netip.AddrFrom16([16]byte(b[at : at+16])).Unmap()
		}
		return netip.AddrFrom4([4]byte(b[at : at+4]))
	}
	e.Src = netip.AddrPortFrom(addr(rsFrom), binary.BigEndian.Uint16(b[rsLocal:]))
	e.Dst = netip.AddrPortFrom(addr(rsTo), binary.BigEndian.Uint16(b[rsRemote:]))
	if b[rsHeader] != 0 {
		if src, dst, ok := ends(b[rsBytes:]); ok {
			e.Src, e.Dst = dst, src
		}
	}
	switch b[rsKind] {
	case reasonAgain:
		e.Said = trace.SaidAgain(b[rsState]&0x1f, b[rsPending])
	case reasonAccepted:
		e.Said, e.End = trace.Said{Cause: "timer", Why: "the answer to the SYN was not acknowledged in time"}, e.Seq+1
	case reasonReset:
		e.Said = trace.SaidReset(r.resets[order.Uint32(b[rsReason:])], b[rsSocket] != 0)
	default:
		return nil, errReason
	}
	return e, nil
}

// ends are the addresses and ports of a TCP segment, from its IP header on.
func ends(b []byte) (src, dst netip.AddrPort, ok bool) {
	var from, to netip.Addr
	at := 40
	switch b[0] >> 4 {
	case 4:
		from, to, at = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), int(b[0]&0xf)*4
		ok = b[9] == wire.ProtoTCP
	case 6:
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		ok = b[6] == wire.ProtoTCP
	}
	if !ok || at+4 > len(b) {
		return src, dst, false
	}
	return netip.AddrPortFrom(from, binary.BigEndian.Uint16(b[at:])), netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[at+2:])), true
}

// read takes what is in the ring.
func (r *reasons) read(take func(*trace.Reason)) error {
	_, err := r.Read(reasonsAtOnce, func(b []byte) error {
		e, err := r.parse(b)
		if err == nil {
			take(e)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("ebpf: read the ring of reasons: %w", err)
	}
	return nil
}

// missed is how many reasons found no room in the ring.
func (r *reasons) missed() (n uint64) {
	if r.lost != nil {
		_ = r.lost.Lookup(uint32(0), &n) // a map of ours
	}
	return n
}
