package raw

import (
	"golang.org/x/net/bpf"
)

// filter returns the program that lets through what may be for the run, so that other programs' replies cost it next
// to nothing: answers with an identifier of its block or, where the header may be damaged, with the run's magic in
// the payload; and errors that quote such an identifier. Its own requests, which the loopback device delivers too,
// are not let through.
func (c *codec) filter() []bpf.RawInstruction {
	const (
		accept = 1 << 18
		lo     = 1 // index of the loopback device in every network namespace
	)
	mask, base := uint32(0xffff&^(1<<c.idBits-1)), uint32(c.base)
	ins := &program{jumps: map[int]string{}, labels: map[string]int{}}
	if c.six {
		ins.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	} else {
		ins.add(bpf.LoadMemShift{Off: 0})
	}
	ins.add(bpf.LoadIndirect{Off: 0, Size: 1})
	for t := range 256 {
		if c.isError(byte(t)) {
			ins.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(t)}).to("error")
		}
	}
	ins.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(c.requestType())}).to("answer")
	ins.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
	ins.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: lo}).to("reject")

	ins.label("answer")
	ins.add(bpf.LoadIndirect{Off: 4, Size: 2})
	ins.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	ins.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: base}).to("accept")
	if c.message == EchoRequest {
		ins.add(bpf.LoadIndirect{Off: icmpHeader + numberEnd, Size: 4})
		ins.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: c.magic}).to("accept")
	}
	ins.add(bpf.RetConstant{Val: 0})

	ins.label("error")
	if c.six {
		// The quote's extension headers are not followed here: what has any is let through and looked at later.
		ins.add(bpf.LoadAbsolute{Off: icmpHeader + 6, Size: 1})
		ins.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(ICMPv6)}).to("accept")
		ins.add(bpf.LoadAbsolute{Off: icmpHeader + 40 + 4, Size: 2})
	} else {
		ins.add(bpf.LoadIndirect{Off: icmpHeader + 9, Size: 1})
		ins.add(bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(ICMP)}).to("reject")
		ins.add(bpf.LoadIndirect{Off: icmpHeader, Size: 1})
		ins.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 15})
		ins.add(bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2})
		ins.add(bpf.ALUOpX{Op: bpf.ALUOpAdd})
		ins.add(bpf.TAX{})
		ins.add(bpf.LoadIndirect{Off: icmpHeader + 4, Size: 2})
	}
	ins.add(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	ins.add(bpf.JumpIf{Cond: bpf.JumpEqual, Val: base}).to("accept")
	ins.label("reject")
	ins.add(bpf.RetConstant{Val: 0})
	ins.label("accept")
	ins.add(bpf.RetConstant{Val: accept})
	return ins.assemble()
}

// program is a BPF program whose conditional jumps name where they go.
type program struct {
	ins    []bpf.Instruction
	jumps  map[int]string
	labels map[string]int
}

func (p *program) add(i bpf.Instruction) *program {
	p.ins = append(p.ins, i)
	return p
}

// to has the jump just added go to a label if its condition holds.
func (p *program) to(label string) {
	p.jumps[len(p.ins)-1] = label
}

func (p *program) label(name string) { p.labels[name] = len(p.ins) }

func (p *program) assemble() []bpf.RawInstruction {
	for at, label := range p.jumps {
		j := p.ins[at].(bpf.JumpIf)
		j.SkipTrue = uint8(p.labels[label] - at - 1)
		p.ins[at] = j
	}
	raw, err := bpf.Assemble(p.ins)
	if err != nil {
		panic("raw: the program for the kernel's filter is wrong: " + err.Error())
	}
	return raw
}
