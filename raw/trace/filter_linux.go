package trace

import (
	"net"
	"strconv"

	"golang.org/x/net/bpf"

	"sockwire/raw/wire"
)

// icmpFilter lets through the ICMP messages that may be for the tracer: errors about packets of its protocol, and
// replies to its echoes. Which probe they are about, if any, is for the matcher: a translator may have changed what the
// filter could look at.
func icmpFilter(six bool, p Protocol, base uint16, flows int) []bpf.RawInstruction {
	c := codec{protocol: p}
	proto := uint32(c.protocolNumber(six))
	low, high := portsOf(base, flows)
	var ins []bpf.Instruction
	add := func(list ...bpf.Instruction) { ins = append(ins, list...) }
	quoteProto := bpf.LoadAbsolute{Off: wire.ICMPQuoteAt + 6, Size: 1}
	var quoted bpf.Instruction = quoteProto
	if six {
		add(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	} else {
		add(bpf.LoadMemShift{Off: 0})
		quoted = bpf.LoadIndirect{Off: wire.ICMPQuoteAt + 9, Size: 1}
	}
	reply, extended := uint32(wire.ICMPv4EchoReply), uint32(wire.ICMPv4ExtendedReply)
	if six {
		reply, extended = wire.ICMPv6EchoReply, wire.ICMPv6ExtendedReply
	}
	errors := []uint32{wire.ICMPv4Unreachable, wire.ICMPv4TimeExceeded, wire.ICMPv4ParamProblem}
	if six {
		errors = []uint32{wire.ICMPv6Unreachable, wire.ICMPv6PacketTooBig, wire.ICMPv6TimeExceeded, wire.ICMPv6ParamProblem}
	}
	add(bpf.LoadIndirect{Off: 0, Size: 1})
	passed := []uint32{proto} // protocols of the quote
	if six {
		// Extension headers are not followed here: what has any is looked at later.
		passed = append(passed, wire.ProtoHopByHop, wire.ProtoRouting, wire.ProtoFragment, wire.ProtoDstOpts)
	}
	const replies = 6 // instructions for replies, which errors jump over
	for i, t := range errors {
		add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: uint8(len(errors) - 1 - i + replies)})
	}
	add(
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: reply, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: extended, SkipTrue: 3},
		bpf.LoadIndirect{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: low, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: high, SkipTrue: uint8(3 + len(passed))},
		bpf.RetConstant{Val: 0},
		quoted,
	)
	for i, p := range passed {
		add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: p, SkipTrue: uint8(len(passed) - i)})
	}
	add(bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: 1 << 18})
	raw, err := bpf.Assemble(ins)
	if err != nil {
		panic(err)
	}
	return raw
}

// portFilter lets through what goes to one of the tracer's source ports.
func portFilter(six bool, base uint16, flows int) []bpf.RawInstruction {
	low, high := portsOf(base, flows)
	var first bpf.Instruction = bpf.LoadMemShift{Off: 0}
	if six {
		first = bpf.LoadConstant{Dst: bpf.RegX, Val: 0}
	}
	raw, err := bpf.Assemble([]bpf.Instruction{
		first,
		bpf.LoadIndirect{Off: 2, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: low, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: high, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 18},
	})
	if err != nil {
		panic(err)
	}
	return raw
}

func interfaceIndex(name string) (uint32, error) {
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index), nil
	}
	i, err := strconv.ParseUint(name, 10, 32)
	return uint32(i), err
}

func interfaceName(index uint32) string {
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// portsOf are the first and the last of the source ports.
func portsOf(base uint16, flows int) (low, high uint32) {
	return uint32(base), uint32(base) + uint32(flows) - 1
}
