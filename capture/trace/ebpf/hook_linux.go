//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// hooks are two programs at a control group's sockets: one sees every packet that leaves an internet socket, the other
// every one that is given to one, before the socket's own filter (__cgroup_bpf_run_filter_skb of
// kernel/bpf/cgroup.c). They record the socket and the beginning of the packet, but not again and again: of packets
// between the same two ports only those are recorded that come when the socket is another one than before, and all
// where several UDP sockets share them.
type hooks struct {
	loaded
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

	// Of struct __sk_buff (include/uapi/linux/bpf.h).
	skbLength = 0
	skbType   = 4
)

// The map of flows: of two ends, ports, protocol and direction the socket.
const (
	flKeySize = 40 // source, destination of 16 bytes each; ports; then
	flProto   = 36
	flOut     = 37

	flCookie = 0
	flShared = 8 // several UDP sockets have it
	flSize   = 16

	flowsLimit = 1 << 15
)

// openHooks puts the programs at the root of the hierarchy of control groups, for the sockets of a network namespace,
// named by its inode.
func openHooks(network uint64) (h *hooks, err error) {
	h = &hooks{}
	defer func() {
		if err != nil {
			h.close()
			h = &hooks{}
		}
	}()
	group, err := controlGroup()
	if err != nil {
		return h, err
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return h, fmt.Errorf("read the kernel's type information: %w", err)
	}
	var ring, flows *ebpf.Map
	for _, m := range []struct {
		dst  **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&ring, ebpf.MapSpec{Name: "sockwire_packet", Type: ebpf.RingBuf, MaxEntries: packetRing}},
		{&flows, ebpf.MapSpec{Name: "sockwire_flows", Type: ebpf.LRUHash, KeySize: flKeySize, ValueSize: flSize, MaxEntries: flowsLimit}},
		{&h.lost, ebpf.MapSpec{Name: "sockwire_missed", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	} {
		if err := h.make(m.dst, m.spec); err != nil {
			return h, err
		}
	}
	if err := h.open(ring); err != nil {
		return h, err
	}
	l := &layout{spec: spec}
	for _, p := range []struct {
		name      string
		attach    ebpf.AttachType
		direction trace.Direction
	}{
		{"sockwire_out", ebpf.AttachCGroupInetEgress, trace.Out},
		{"sockwire_in", ebpf.AttachCGroupInetIngress, trace.In},
	} {
		c := &code{layout: l, called: map[string]bool{}}
		c.packet(ring, flows, h.lost, uint32(network), p.direction)
		spec := ebpf.ProgramSpec{Name: p.name, Type: ebpf.CGroupSKB, AttachType: p.attach}
		err := h.run(c, spec, "the control group "+group, func(program *ebpf.Program) (link.Link, error) {
			return link.AttachCgroup(link.CgroupOptions{Path: group, Attach: p.attach, Program: program})
		})
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// Places on the stack of the program at sockets.
const (
	onCookie = -8
	onRaw    = -16
	onValue  = -16 - flSize
	onKey    = onValue - flKeySize
	onHeader = onKey - 48 // IPv6 header and ports
)

// packet is the program at the sockets of a control group: a struct __sk_buff, at its IP header. It lets every packet
// pass.
func (c *code) packet(ring, flows, lost *ebpf.Map, network uint32, direction trace.Direction) {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.function("packet")
	c.add(asm.Mov.Reg(r6, asm.R1))
	c.kernel("bpf_cast_to_kern_ctx")
	c.load(asm.R1, asm.R0, "sk_buff", "sk", asm.DWord)
	c.add(asm.JEq.Imm(asm.R1, 0, c.to("pass")))
	c.cast("sock")
	c.add(asm.Mov.Reg(r7, asm.R0))
	c.load(asm.R1, r7, "sock", "__sk_common.skc_net.net", asm.DWord)
	c.load(asm.R1, asm.R1, "net", "ns.inum", asm.Word)
	c.add(asm.Mov.Imm32(asm.R2, int32(network)), asm.JNE.Reg(asm.R1, asm.R2, c.to("pass")))
	c.add(asm.Mov.Reg(asm.R1, r6), asm.FnGetSocketCookie.Call(), asm.StoreMem(asm.RFP, onCookie, asm.R0, asm.DWord))
	c.load(asm.R1, r7, "sock", "sk_type", asm.Half)
	c.add(
		asm.Mov.Imm(r8, 0),
		asm.Mov.Imm(asm.R2, 1), asm.JEq.Imm(asm.R1, unix.SOCK_RAW, c.to("raw")),
		asm.Mov.Imm(asm.R2, 0),
	)
	c.at("raw")
	c.add(asm.StoreMem(asm.RFP, onRaw, asm.R2, asm.DWord), asm.JNE.Imm(asm.R2, 0, c.to("record")))
	c.flow(flows, direction)

	c.at("record") // R8 is 1 where the flow's socket is to be remembered
	c.pointer(asm.R1, ring)
	c.add(
		asm.Mov.Imm(asm.R2, pkSize), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("full")),
		asm.Mov.Reg(r9, asm.R0),
		storeImm(r9, pkInode, 0, asm.DWord),
	)
	c.load(asm.R1, r7, "sock", "sk_socket", asm.DWord)
	c.add(asm.JEq.Imm(asm.R1, 0, c.to("orphan")))
	c.cast("socket_alloc")
	c.load(asm.R1, asm.R0, "socket_alloc", "vfs_inode.i_ino", asm.DWord)
	c.add(asm.StoreMem(r9, pkInode, asm.R1, asm.DWord))
	c.at("orphan")
	c.add(
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, pkTime, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, onCookie, asm.DWord), asm.StoreMem(r9, pkCookie, asm.R1, asm.DWord),
		storeImm(r9, pkDirection, int64(direction), asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, onRaw, asm.DWord), asm.StoreMem(r9, pkRaw, asm.R1, asm.Byte),
		asm.LoadMem(asm.R1, r6, skbType, asm.Word), asm.StoreMem(r9, pkGroup, asm.R1, asm.Half),
		asm.LoadMem(asm.R4, r6, skbLength, asm.Word),
		asm.JLE.Imm(asm.R4, trace.SightingHeader, c.to("short")),
		asm.Mov.Imm(asm.R4, trace.SightingHeader),
	)
	c.at("short")
	c.add(
		asm.StoreMem(r9, pkKept, asm.R4, asm.Word),
		asm.JEq.Imm(asm.R4, 0, c.to("submit")),
		asm.Mov.Reg(asm.R1, r6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, r9), asm.Add.Imm(asm.R3, pkHeader), asm.FnSkbLoadBytes.Call(),
	)
	c.at("submit")
	c.add(
		asm.Mov.Reg(asm.R1, r9), asm.Mov.Imm(asm.R2, noWakeup), asm.FnRingbufSubmit.Call(),
		asm.JEq.Imm(r8, 0, c.to("pass")),
		asm.LoadMem(asm.R1, asm.RFP, onCookie, asm.DWord), asm.StoreMem(asm.RFP, onValue+flCookie, asm.R1, asm.DWord),
	)
	c.pointer(asm.R1, flows)
	c.add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, onKey), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, onValue),
		asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(),
	)
	c.at("pass")
	c.ret(1)
	c.at("full")
	c.value(asm.R1, lost)
	c.add(asm.Mov.Imm(asm.R2, 1), fetchAdd(asm.R1, asm.R2))
	c.ret(1)
}

// flow leaves when the packet's flow has the same socket as before and no other. What is not TCP or UDP, is sent to a
// group, is in fragments or has IP options is recorded.
func (c *code) flow(flows *ebpf.Map, direction trace.Direction) {
	header := func(size int32) {
		c.add(
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, onHeader), asm.Mov.Imm(asm.R4, size),
			asm.FnSkbLoadBytes.Call(),
			asm.JNE.Imm(asm.R0, 0, c.to("record")),
		)
	}
	octet := func(dst asm.Register, at int16) { c.add(asm.LoadMem(dst, asm.RFP, onHeader+at, asm.Byte)) }
	move := func(to, from int16, size asm.Size) {
		c.add(asm.LoadMem(asm.R1, asm.RFP, onHeader+from, size), asm.StoreMem(asm.RFP, onKey+to, asm.R1, size))
	}
	for at := int16(0); at < flKeySize; at += 8 {
		c.add(storeImm(asm.RFP, onKey+at, 0, asm.DWord))
	}
	c.add(storeImm(asm.RFP, onValue+flShared, 0, asm.DWord))
	header(24)
	octet(asm.R1, 0)
	c.add(asm.JEq.Imm(asm.R1, 0x45, c.to("ipv4")), asm.RSh.Imm(asm.R1, 4), asm.JNE.Imm(asm.R1, 6, c.to("record")))
	header(44)
	octet(asm.R1, 24)
	c.add(asm.JEq.Imm(asm.R1, 0xff, c.to("record")))
	for at := int16(0); at < 32; at += 8 {
		move(at, 8+at, asm.DWord)
	}
	move(32, 40, asm.Word)
	octet(asm.R2, 6)
	c.add(asm.Ja.Label(c.to("transport")))
	c.at("ipv4")
	octet(asm.R1, 6)
	octet(asm.R2, 7)
	c.add(asm.And.Imm(asm.R1, 0x3f), asm.Or.Reg(asm.R1, asm.R2), asm.JNE.Imm(asm.R1, 0, c.to("record"))) // fragments
	octet(asm.R1, 16)
	c.add(asm.JGE.Imm(asm.R1, 224, c.to("record")))
	move(0, 12, asm.Word)
	move(16, 16, asm.Word)
	move(32, 20, asm.Word)
	octet(asm.R2, 9)
	c.at("transport")
	c.add(
		asm.JEq.Imm(asm.R2, unix.IPPROTO_TCP, c.to("ports")),
		asm.JNE.Imm(asm.R2, unix.IPPROTO_UDP, c.to("record")),
	)
	c.at("ports")
	c.add(
		asm.StoreMem(asm.RFP, onKey+flProto, asm.R2, asm.Byte), storeImm(asm.RFP, onKey+flOut, int64(direction), asm.Byte),
		asm.Mov.Imm(asm.R8, 1),
	)
	c.pointer(asm.R1, flows)
	c.add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, onKey), asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("record")),
		asm.LoadMem(asm.R1, asm.R0, flCookie, asm.DWord), asm.LoadMem(asm.R2, asm.RFP, onCookie, asm.DWord), asm.LoadMem(asm.R3, asm.R0, flShared, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, c.to("another")),
		asm.JEq.Imm(asm.R3, 0, c.to("pass")),
		asm.Mov.Imm(asm.R8, 0), // nothing new to remember
		asm.Ja.Label(c.to("record")),
	)
	c.at("another")
	c.add(
		asm.LoadMem(asm.R1, asm.RFP, onKey+flProto, asm.Byte), asm.JNE.Imm(asm.R1, unix.IPPROTO_UDP, c.to("record")), // a connection after another
		storeImm(asm.RFP, onValue+flShared, 1, asm.DWord),
	)
}

// controlGroup is the root of the hierarchy of control groups, version 2, that this process sees
// (Documentation/admin-guide/cgroup-v2.rst; proc_pid_mountinfo(5)).
func controlGroup() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	return controlGroupIn(string(b))
}

func controlGroupIn(mounts string) (string, error) {
	for line := range strings.Lines(mounts) {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return unescape(fields[4]), nil
		}
	}
	return "", errors.New("no hierarchy of control groups (cgroup2) is mounted")
}

// unescape gives back the blanks of a path in mountinfo.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// namespaceOf is the inode of a process's network namespace.
func namespaceOf(process string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+process+"/ns/net", &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
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
	more, err = h.loaded.read(func(b []byte) error {
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
