//go:build amd64 || arm64

package drop

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"sockwire/capture/internal/bpfprog"
)

const (
	scratchSize = headerSize + maxSnaplen
	maxSnaplen  = 1<<16 - 1

	// Inodes of network namespaces are not below this (PROC_DYNAMIC_FIRST of fs/proc/generic.c). What stands where a
	// packet's device would be may be something else: sockets keep their own notes in its place.
	firstNamespace = 0xf0000000

	// Socks in these states are not whole (include/net/tcp_states.h): a connection that was closed, one that is asked
	// for.
	tcpTimeWait = 6
	tcpNewSyn   = 12
)

// Places on the stack of the program.
const (
	onPlace    = -8
	onReason   = -16
	onReceiver = -24
	onIndex    = -32
	onNetwork  = -40
	onDevice   = -48
)

// maps are what the program shares with the reader.
type maps struct {
	ring     *ebpf.Map
	scratch  *ebpf.Map // one for each processor
	counts   *ebpf.Map // for each processor: 0 lost
	networks *ebpf.Map // namespaces of interest; nil for all
}

// shape is what the kernel's trace point passes.
type shape struct {
	receiver bool // the socket that the packet was for: since Linux 6.11
	consumed int32
}

// program is the one at the trace point kfree_skb (include/trace/events/skb.h): packet, place, reason, receiving
// socket.
type program struct {
	*bpfprog.Code
	maps
}

func (p *program) write(s shape, snaplen int) {
	r1, r2, r3, r6, r8 := asm.R1, asm.R2, asm.R3, asm.R6, asm.R8
	p.Function("drop")
	p.Add(
		asm.LoadMem(r6, r1, 0, asm.DWord),
		asm.LoadMem(r2, r1, 8, asm.DWord), asm.StoreMem(asm.RFP, onPlace, r2, asm.DWord),
		asm.LoadMem(r2, r1, 16, asm.DWord), asm.LSh.Imm(r2, 32), asm.RSh.Imm(r2, 32),
		asm.JEq.Imm(r2, s.consumed, p.To("out")),
		asm.StoreMem(asm.RFP, onReason, r2, asm.DWord),
		bpfprog.StoreImm(asm.RFP, onReceiver, 0, asm.DWord),
	)
	if s.receiver {
		p.Add(asm.LoadMem(r2, r1, 24, asm.DWord), asm.StoreMem(asm.RFP, onReceiver, r2, asm.DWord))
	}
	p.network()
	if p.networks != nil {
		p.Lookup(p.networks, onNetwork)
		p.Add(asm.JEq.Imm(asm.R0, 0, p.To("out")))
	}
	p.Mine(p.scratch, onIndex)
	p.Add(asm.JEq.Imm(asm.R0, 0, p.To("lost")), asm.Mov.Reg(r8, asm.R0))
	for at := int16(0); at < headerSize; at += 8 {
		p.Add(bpfprog.StoreImm(r8, at, 0, asm.DWord))
	}
	p.Add(
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r8, atTime, asm.R0, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onPlace, asm.DWord), asm.StoreMem(r8, atPlace, r1, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onReason, asm.DWord), asm.StoreMem(r8, atReason, r1, asm.Word),
		asm.LoadMem(r1, asm.RFP, onNetwork, asm.Word), asm.StoreMem(r8, atNetwork, r1, asm.Word),
	)
	p.device()
	p.headers()
	p.socket(s)
	p.data(snaplen)

	// submit
	p.Pointer(r1, p.ring)
	p.Add(
		asm.Mov.Reg(r2, r8),
		asm.LoadMem(r3, r8, atKept, asm.Word), asm.And.Imm(r3, maxSnaplen), asm.Add.Imm(r3, headerSize),
		asm.Mov.Imm(asm.R4, 0), asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, p.To("out")),
	)
	p.At("lost")
	p.CountMine(p.counts, onIndex)
	p.At("out")
	p.Ret(0)
}

// network finds the packet's network namespace: that of its device, else of its socket. It puts the device where it is
// one, else 0, on the stack.
func (p *program) network() {
	r1, r2, r6, r7 := asm.R1, asm.R2, asm.R6, asm.R7
	p.Load(r7, r6, "sk_buff", "dev", asm.DWord)
	p.Add(bpfprog.StoreImm(asm.RFP, onDevice, 0, asm.DWord), asm.Mov.Imm(r2, 0), asm.JEq.Imm(r7, 0, p.To("nodev")))
	p.Follow(r2, r7, asm.Word, "net_device.nd_net.net", "net.ns.inum")
	p.Add(
		asm.Mov.Imm32(r1, firstNamespace-1<<32),
		asm.JLT.Reg(r2, r1, p.To("nodev")),
		asm.StoreMem(asm.RFP, onDevice, r7, asm.DWord),
		asm.Ja.Label(p.To("network")),
	)
	p.At("nodev")
	p.Add(asm.LoadMem(r1, asm.RFP, onReceiver, asm.DWord), asm.JNE.Imm(r1, 0, p.To("sock")))
	p.Load(r1, r6, "sk_buff", "sk", asm.DWord)
	p.Add(asm.Mov.Imm(r2, 0), asm.JEq.Imm(r1, 0, p.To("network")))
	p.Network(r2, r1)
	p.Add(asm.Ja.Label(p.To("network")))
	p.At("sock")
	p.Network(r2, r1)
	p.At("network")
	p.Add(asm.StoreMem(asm.RFP, onNetwork, r2, asm.DWord))
}

// field copies a field of what src points to into the record.
func (p *program) field(at int16, src asm.Register, structure, field string, size asm.Size) {
	p.Copy(asm.R8, at, src, size, structure+"."+field)
}

func (p *program) device() {
	r7, r8 := asm.R7, asm.R8
	p.Add(asm.LoadMem(r7, asm.RFP, onDevice, asm.DWord), asm.JEq.Imm(r7, 0, p.To("unnamed")))
	p.field(atIfindex, r7, "net_device", "ifindex", asm.Word)
	p.field(atHardware, r7, "net_device", "type", asm.Half)
	p.Add(
		asm.Mov.Reg(asm.R1, r8), asm.Add.Imm(asm.R1, atName), asm.Mov.Imm(asm.R2, 15),
		asm.Mov.Reg(asm.R3, r7), asm.Add.Imm(asm.R3, int32(p.Offset("net_device", "name"))),
		asm.FnProbeReadKernel.Call(),
	)
	p.At("unnamed")
}

// headers records where the packet's parts are, and chooses where the bytes begin that are kept: at the first header
// that there still is.
func (p *program) headers() {
	r1, r2, r3, r6, r8 := asm.R1, asm.R2, asm.R3, asm.R6, asm.R8
	p.field(atDestructor, r6, "sk_buff", "destructor", asm.DWord)
	p.field(atProtocol, r6, "sk_buff", "protocol", asm.Half)
	p.field(atLength, r6, "sk_buff", "len", asm.Word)
	p.field(atNetworkAt, r6, "sk_buff", "network_header", asm.Half)
	p.field(atLinkAt, r6, "sk_buff", "mac_header", asm.Half)
	p.field(atInputIndex, r6, "sk_buff", "skb_iif", asm.Word)
	p.Load(r1, r6, "sk_buff", "data", asm.DWord)
	p.Load(r2, r6, "sk_buff", "head", asm.DWord)
	p.Add(
		asm.Sub.Reg(r1, r2),
		asm.StoreMem(r8, atStart, r1, asm.Word),
		asm.LoadMem(r2, r8, atNetworkAt, asm.Half), // 0 where it was not set
		asm.JEq.Imm(r2, 0, p.To("link")),
		asm.JGE.Reg(r2, r1, p.To("link")),
		asm.Mov.Reg(r1, r2),
	)
	p.At("link")
	p.Add(
		asm.LoadMem(r3, r8, atHardware, asm.Half),
		asm.JEq.Imm(r3, hardwareEthernet, p.To("ethernet")),
		asm.JNE.Imm(r3, hardwareLoopback, p.To("from")),
	)
	p.At("ethernet")
	p.Add(
		asm.LoadMem(r2, r8, atLinkAt, asm.Half),
		asm.JEq.Imm(r2, notSet, p.To("from")),
		asm.JGE.Reg(r2, r1, p.To("from")),
		asm.Mov.Reg(r1, r2),
	)
	p.At("from")
	p.Add(asm.StoreMem(r8, atFrom, r1, asm.Word))
}

// socket records the socket that the packet was for, or that it belongs to.
func (p *program) socket(s shape) {
	r1, r6, r7, r8 := asm.R1, asm.R6, asm.R7, asm.R8
	if s.receiver {
		p.Add(asm.LoadMem(r7, asm.RFP, onReceiver, asm.DWord), asm.JEq.Imm(r7, 0, p.To("own")))
		// The helper gives a cookie to a socket that nobody asked for one. It takes this pointer, and not the packet's.
		p.Add(
			bpfprog.StoreImm(r8, atSocketKind, 2, asm.Byte),
			asm.Mov.Reg(r1, r7), asm.FnGetSocketCookie.Call(), asm.StoreMem(r8, atCookie, asm.R0, asm.DWord),
			asm.Ja.Label(p.To("sk")),
		)
	}
	p.At("own")
	p.Load(r7, r6, "sk_buff", "sk", asm.DWord)
	p.Add(asm.JEq.Imm(r7, 0, p.To("nosock")), bpfprog.StoreImm(r8, atSocketKind, 1, asm.Byte))
	// The helper does not take the packet's pointer, but one that goes through the socket's file.
	p.field(atCookie, r7, "sock", "__sk_common.skc_cookie.counter", asm.DWord)
	p.Add(asm.JNE.Imm(r1, 0, p.To("sk")), asm.LoadMem(r1, r7, p.Offset("sock", "__sk_common.skc_state"), asm.Byte))
	p.Add(asm.JEq.Imm(r1, tcpTimeWait, p.To("sk")), asm.JEq.Imm(r1, tcpNewSyn, p.To("sk")))
	p.Follow(r1, r7, asm.DWord, "sock.sk_socket", "socket.sk")
	p.Add(asm.FnGetSocketCookie.Call(), asm.StoreMem(r8, atCookie, asm.R0, asm.DWord))
	p.At("sk")
	common := func(at int16, field string, size asm.Size) { p.field(at, r7, "sock", "__sk_common."+field, size) }
	common(atFamily, "skc_family", asm.Half)
	common(atState, "skc_state", asm.Byte)
	common(atLocalPort, "skc_num", asm.Half)
	common(atRemotePort, "skc_dport", asm.Half)
	p.Add(asm.LoadMem(r1, r8, atFamily, asm.Half), asm.JEq.Imm(r1, afInet6, p.To("v6")))
	common(atLocal, "skc_rcv_saddr", asm.Word)
	common(atRemote, "skc_daddr", asm.Word)
	p.Add(asm.Ja.Label(p.To("named")))
	p.At("v6")
	for _, half := range []int16{0, 8} {
		for _, a := range []struct {
			at    int16
			field string
		}{{atLocal, "skc_v6_rcv_saddr"}, {atRemote, "skc_v6_daddr"}} {
			p.Add(asm.LoadMem(r1, r7, p.Offset("sock", "__sk_common."+a.field)+half, asm.DWord), asm.StoreMem(r8, a.at+half, r1, asm.DWord))
		}
	}
	p.At("named")
	p.Add(
		asm.LoadMem(r1, r8, atState, asm.Byte),
		asm.JEq.Imm(r1, tcpTimeWait, p.To("part")), asm.JEq.Imm(r1, tcpNewSyn, p.To("part")),
	)
	p.field(atType, r7, "sock", "sk_type", asm.Half)
	p.field(atSocketProto, r7, "sock", "sk_protocol", asm.Half)
	p.field(atUID, r7, "sock", "sk_uid.val", asm.Word)
	p.field(atReceived, r7, "sock", "sk_backlog.rmem_alloc.counter", asm.Word)
	p.field(atRecvLimit, r7, "sock", "sk_rcvbuf", asm.Word)
	p.field(atSent, r7, "sock", "sk_wmem_alloc.refs.counter", asm.Word)
	p.field(atSendLimit, r7, "sock", "sk_sndbuf", asm.Word)
	p.field(atBacklog, r7, "sock", "sk_ack_backlog", asm.Word)
	p.field(atBackLimit, r7, "sock", "sk_max_ack_backlog", asm.Word)
	p.Load(r1, r7, "sock", "sk_socket", asm.DWord)
	p.Add(
		asm.JEq.Imm(r1, 0, p.To("nosock")),
		asm.Mov.Reg(asm.R3, r1), asm.Add.Imm(asm.R3, int32(p.Offset("socket_alloc", "vfs_inode.i_ino"))),
		asm.Mov.Reg(r1, r8), asm.Add.Imm(r1, atInode), asm.Mov.Imm(asm.R2, 8), asm.FnProbeReadKernel.Call(),
		asm.Ja.Label(p.To("nosock")),
	)
	p.At("part")
	p.Add(bpfprog.StoreImm(r8, atSocketProto, protoTCP, asm.Half))
	p.At("nosock")
}

// data copies the packet's bytes, as far as they are where its headers are.
func (p *program) data(snaplen int) {
	r1, r2, r3, r6, r8 := asm.R1, asm.R2, asm.R3, asm.R6, asm.R8
	p.Load(r2, r6, "sk_buff", "tail", asm.Word)
	p.Load(r3, r6, "sk_buff", "head", asm.DWord)
	p.Add(
		asm.LoadMem(r1, r8, atFrom, asm.Word),
		asm.JGE.Reg(r1, r2, p.To("empty")),
		asm.Add.Reg(r3, r1),
		asm.Sub.Reg(r2, r1),
		asm.JLE.Imm(r2, int32(snaplen), p.To("fits")),
		asm.Mov.Imm(r2, int32(snaplen)),
	)
	p.At("fits")
	p.Add(
		asm.And.Imm(r2, maxSnaplen),
		asm.StoreMem(r8, atKept, r2, asm.Word),
		asm.Mov.Reg(r1, r8), asm.Add.Imm(r1, headerSize),
		asm.FnProbeReadKernel.Call(),
		asm.JEq.Imm(asm.R0, 0, p.To("empty")),
		bpfprog.StoreImm(r8, atKept, 0, asm.Word),
	)
	p.At("empty")
}
