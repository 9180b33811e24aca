//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace"
)

// hooks are two programs at a control group's sockets: one sees every packet that leaves an internet socket, the other
// every one that is given to one, before the socket's own filter (__cgroup_bpf_run_filter_skb of
// kernel/bpf/cgroup.c). They record the socket and the beginning of the packet, but not again and again: of packets
// between the same two ports only those are recorded that come when the socket is another one than before, and all
// where several UDP sockets share them.
type hooks struct {
	bpfprog.Loaded
	lost *ebpf.Map
}

// What a program records of a packet, in native order.
const (
	pkTime      = 0 // of CLOCK_MONOTONIC
	pkInode     = 8 // of the socket, 0 while or after no process has it
	pkCookie    = 16
	pkKept      = 24 // bytes of the packet that follow, from its IP header on
	pkDirection = 28 // trace.In or trace.Out
	pkRaw       = 29 // the type of the socket is SOCK_RAW
	pkGroup     = 30 // struct __sk_buff's pkt_type: PACKET_HOST or another
	pkHeader    = 32
	pkSize      = pkHeader + trace.SightingHeader

	packetRing = 16 << 20
)

// openHooks puts the programs at the root of the hierarchy of control groups, for the sockets of a network namespace,
// named by its inode.
func openHooks(network uint64) (h *hooks, err error) {
	h = &hooks{}
	defer func() {
		if err != nil {
			h.Close()
			h = &hooks{}
		}
	}()
	l, err := bpfprog.KernelLayout()
	if err != nil {
		return h, err
	}
	var ring, flows *ebpf.Map
	err = h.Make([]bpfprog.Map{
		{To: &ring, Spec: ebpf.MapSpec{Name: "sockwire_packet", Type: ebpf.RingBuf, MaxEntries: packetRing}},
		{To: &flows, Spec: ebpf.MapSpec{Name: "sockwire_flows", Type: ebpf.LRUHash, KeySize: bpfprog.FlowKeySize, ValueSize: bpfprog.FlowSize, MaxEntries: bpfprog.FlowsLimit}},
		{To: &h.lost, Spec: ebpf.MapSpec{Name: "sockwire_missed", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	}...)
	if err != nil {
		return h, err
	}
	if err := h.Open(ring); err != nil {
		return h, err
	}
	for _, p := range []struct {
		name      string
		attach    ebpf.AttachType
		direction trace.Direction
	}{
		{"sockwire_out", ebpf.AttachCGroupInetEgress, trace.Out},
		{"sockwire_in", ebpf.AttachCGroupInetIngress, trace.In},
	} {
		c := &code{bpfprog.New(l)}
		c.packet(ring, flows, h.lost, uint32(network), p.direction)
		spec := ebpf.ProgramSpec{Name: p.name, Type: ebpf.CGroupSKB, AttachType: p.attach}
		if err := h.Run(c.Code, spec); err != nil {
			return h, err
		}
	}
	return h, nil
}

const onRaw = bpfprog.FlowFree // on the stack

// packet is the program at the sockets of a control group: a struct __sk_buff, at its IP header. It lets every packet
// pass.
func (c *code) packet(ring, flows, lost *ebpf.Map, network uint32, direction trace.Direction) {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Packet(asm.R1)
	c.Add(asm.Mov.Imm32(asm.R2, int32(network)), asm.JNE.Reg(asm.R1, asm.R2, c.To("pass")))
	c.Add(asm.Mov.Reg(asm.R1, r6), asm.FnGetSocketCookie.Call(), asm.StoreMem(asm.RFP, bpfprog.FlowCookie, asm.R0, asm.DWord))
	c.Load(asm.R1, r7, "sock", "sk_type", asm.Half)
	c.Add(
		asm.Mov.Imm(r8, 0),
		asm.Mov.Imm(asm.R2, 1), asm.JEq.Imm(asm.R1, unix.SOCK_RAW, c.To("raw")),
		asm.Mov.Imm(asm.R2, 0),
	)
	c.At("raw")
	c.Add(asm.StoreMem(asm.RFP, onRaw, asm.R2, asm.DWord), asm.JNE.Imm(asm.R2, 0, c.To("record")))
	c.Flow(flows, direction == trace.Out, asm.R0)

	c.At("record") // R8 is 1 where the flow's socket is to be remembered
	c.Reserve(ring, lost, pkSize, "pass")
	c.Add(asm.Mov.Reg(r9, asm.R0), bpfprog.StoreImm(r9, pkInode, 0, asm.DWord))
	c.InodeOf(r7, "orphan")
	c.Add(asm.StoreMem(r9, pkInode, asm.R1, asm.DWord))
	c.At("orphan")
	c.Add(
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, pkTime, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, bpfprog.FlowCookie, asm.DWord), asm.StoreMem(r9, pkCookie, asm.R1, asm.DWord),
		bpfprog.StoreImm(r9, pkDirection, int64(direction), asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, onRaw, asm.DWord), asm.StoreMem(r9, pkRaw, asm.R1, asm.Byte),
	)
	c.Kept(pkGroup, pkKept, pkHeader, trace.SightingHeader)
	c.Submit(r9)
	c.Add(asm.JEq.Imm(r8, 0, c.To("pass")))
	c.KeepFlow(flows)
	c.At("pass")
	c.Ret(1)
}

var errPacket = errors.New("a record of a packet that the programs do not write")

// parsePacket reads what a program recorded. Whatever b is, it gives a sighting or an error.
func parsePacket(b []byte, s *trace.Sighting) error {
	if len(b) != pkSize {
		return errPacket
	}
	kept := order.Uint32(b[pkKept:])
	if kept > trace.SightingHeader {
		return errPacket
	}
	*s = trace.Sighting{
		Time: time.Duration(order.Uint64(b[pkTime:])), Socket: trace.SocketID(order.Uint64(b[pkInode:])), Cookie: order.Uint64(b[pkCookie:]),
		Direction: trace.Direction(b[pkDirection]), Raw: b[pkRaw] != 0, Group: order.Uint16(b[pkGroup:]) != unix.PACKET_HOST, Kept: int(kept),
	}
	copy(s.Header[:], b[pkHeader:])
	return nil
}

// read takes the packets that are in the ring, up to a limit, and tells whether there may be more.
func (h *hooks) read(all []trace.Sighting) (_ []trace.Sighting, more bool, err error) {
	more, err = h.Read(readLimit, func(b []byte) error {
		var s trace.Sighting
		if err := parsePacket(b, &s); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("ebpf: read the ring of packets: %w", err)
	}
	return all, more, err
}

// missed is how many packets found no room in the ring.
func (h *hooks) missed() (n uint64) {
	if h.lost != nil {
		_ = h.lost.Lookup(uint32(0), &n) // a map of ours
	}
	return n
}
