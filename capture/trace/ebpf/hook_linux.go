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
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// hooks are two programs at a control group's sockets: one sees every packet that leaves an internet socket, the other
// every one that is given to one, before the socket's own filter (__cgroup_bpf_run_filter_skb of
// kernel/bpf/cgroup.c). They record the socket and the beginning of the packet.
type hooks struct {
	maps     []*ebpf.Map
	programs []*ebpf.Program
	links    []link.Link
	lost     *ebpf.Map
	reader   *ringbuf.Reader
	sample   []byte // that was read last
}

// What a program records of a packet, in native order.
const (
	pkTime      = 0 // of CLOCK_MONOTONIC
	pkInode     = 8 // of the socket, 0 while or after no process has it
	pkCookie    = 16
	pkLength    = 24 // from the IP header on
	pkSegment   = 28 // payload of each segment that it stands for, 0 for one packet
	pkKept      = 32 // bytes of it that follow
	pkDirection = 36 // trace.In or trace.Out
	pkKind      = 38 // type of the socket: unix.SOCK_STREAM, …
	pkHeader    = 40
	pkSize      = pkHeader + trace.SightingHeader

	packetRing = 16 << 20

	// Of struct __sk_buff (include/uapi/linux/bpf.h).
	skbLength  = 0
	skbGSOSize = 176
)

// openHooks puts the programs at the root of the hierarchy of control groups, for the sockets of a network namespace,
// named by its inode.
func openHooks(network uint64) (h *hooks, err error) {
	h = &hooks{}
	defer func() {
		if err != nil {
			h.close()
			h = nil
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
	var ring *ebpf.Map
	for _, m := range []struct {
		dst  **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&ring, ebpf.MapSpec{Name: "sockwire_packet", Type: ebpf.RingBuf, MaxEntries: packetRing}},
		{&h.lost, ebpf.MapSpec{Name: "sockwire_missed", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	} {
		made, err := ebpf.NewMap(&m.spec)
		if err != nil {
			return h, fmt.Errorf("make the map %s: %w", m.spec.Name, err)
		}
		*m.dst, h.maps = made, append(h.maps, made)
	}
	if h.reader, err = ringbuf.NewReader(ring); err != nil {
		return h, fmt.Errorf("read the ring: %w", err)
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
		c.packet(ring, h.lost, uint32(network), p.direction)
		program, err := c.build(ebpf.ProgramSpec{Name: p.name, Type: ebpf.CGroupSKB, AttachType: p.attach})
		if err != nil {
			return h, err
		}
		h.programs = append(h.programs, program)
		at, err := link.AttachCgroup(link.CgroupOptions{Path: group, Attach: p.attach, Program: program})
		if err != nil {
			return h, fmt.Errorf("attach to the control group %s: %w", group, err)
		}
		h.links = append(h.links, at)
	}
	return h, nil
}

// packet is the program at the sockets of a control group: a struct __sk_buff, at its IP header. It lets every packet
// pass.
func (c *code) packet(ring, lost *ebpf.Map, network uint32, direction trace.Direction) {
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
	c.load(asm.R1, r7, "sock", "sk_socket", asm.DWord)
	c.add(asm.Mov.Imm(r8, 0), asm.JEq.Imm(asm.R1, 0, c.to("orphan")))
	c.cast("socket_alloc")
	c.load(r8, asm.R0, "socket_alloc", "vfs_inode.i_ino", asm.DWord)
	c.at("orphan")

	c.pointer(asm.R1, ring)
	c.add(
		asm.Mov.Imm(asm.R2, pkSize), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("full")),
		asm.Mov.Reg(r9, asm.R0),
		asm.StoreMem(r9, pkInode, r8, asm.DWord),
	)
	c.load(asm.R1, r7, "sock", "sk_type", asm.Half)
	c.add(
		asm.StoreMem(r9, pkKind, asm.R1, asm.Half),
		storeImm(r9, pkDirection, int64(direction), asm.Half),
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, pkTime, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, r6), asm.FnGetSocketCookie.Call(), asm.StoreMem(r9, pkCookie, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, r6, skbGSOSize, asm.Word), asm.StoreMem(r9, pkSegment, asm.R1, asm.Word),
		asm.LoadMem(asm.R4, r6, skbLength, asm.Word), asm.StoreMem(r9, pkLength, asm.R4, asm.Word),
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
	c.add(asm.Mov.Reg(asm.R1, r9), asm.Mov.Imm(asm.R2, noWakeup), asm.FnRingbufSubmit.Call())
	c.at("pass")
	c.ret(1)
	c.at("full")
	c.value(asm.R1, lost)
	c.add(asm.Mov.Imm(asm.R2, 1), fetchAdd(asm.R1, asm.R2))
	c.ret(1)
}

// controlGroup is the root of the hierarchy of control groups, version 2, that this process sees
// (Documentation/admin-guide/cgroup-v2.rst; proc_pid_mountinfo(5)).
func controlGroup() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
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
		Direction: trace.Direction(order.Uint16(b[pkDirection:])), Length: int(order.Uint32(b[pkLength:])), SegmentSize: int(order.Uint32(b[pkSegment:])),
		Kept: int(kept), Raw: order.Uint16(b[pkKind:]) == unix.SOCK_RAW,
	}
	copy(s.Header[:], b[pkHeader:])
	return nil
}

// read takes what is in the ring, up to a limit, and tells whether there may be more.
func (h *hooks) read(all []trace.Sighting) (_ []trace.Sighting, more bool, err error) {
	if h == nil {
		return all, false, nil
	}
	h.reader.SetDeadline(time.Unix(1, 0)) // do not wait
	var raw ringbuf.Record
	for range readLimit {
		raw.RawSample = h.sample
		err := h.reader.ReadInto(&raw)
		h.sample = raw.RawSample
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all, false, nil
		}
		var s trace.Sighting
		if err == nil {
			err = parsePacket(raw.RawSample, &s)
		}
		if err != nil {
			return all, false, fmt.Errorf("ebpf: read the ring of packets: %w", err)
		}
		all = append(all, s)
	}
	return all, true, nil
}

// missed is how many packets found no room in the ring.
func (h *hooks) missed() (n uint64) {
	if h != nil {
		_ = h.lost.Lookup(uint32(0), &n) // a map of ours
	}
	return n
}

// detach ends the recording.
func (h *hooks) detach() {
	if h == nil {
		return
	}
	for _, l := range h.links {
		l.Close()
	}
	h.links = nil
}

func (h *hooks) close() {
	if h == nil {
		return
	}
	h.detach()
	for _, p := range h.programs {
		p.Close()
	}
	if h.reader != nil {
		h.reader.Close()
	}
	for _, m := range h.maps {
		m.Close()
	}
}
