//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// code is a program being written: instructions with labels, and short names for what recurs. Registers
// are used as the kernel's calling convention has it (Documentation/bpf/standardization/abi.rst): R1 to R5
// are arguments and do not survive a call, R0 is the result, R6 to R9 survive.
type code struct {
	*layout
	asm.Instructions
	name   string // of the function, in front of its labels
	labels []string
	called map[string]bool
	err    error

	labelled int // labels that fresh gave
}

// word is what functions return. The kernel wants to know of functions that loops call that they are static.
var word = &btf.Int{Name: "u32", Size: 4}

func (c *code) add(all ...asm.Instruction) {
	for _, i := range all {
		if len(c.labels) > 0 {
			if i = i.WithSymbol(c.labels[0]); c.labels[0] == c.name {
				i = btf.WithFuncMetadata(i, &btf.Func{Name: c.name, Type: &btf.FuncProto{Return: word}, Linkage: btf.StaticFunc})
			}
			c.labels = nil
		}
		c.Instructions = append(c.Instructions, i)
	}
}

// function begins a function that call calls, and keeps its arguments in registers that survive.
func (c *code) function(name string, args ...asm.Register) {
	c.name = name
	c.mark(name)
	for i, r := range args {
		c.add(asm.Mov.Reg(r, asm.R1+asm.Register(i)))
	}
}

// at names the next instruction within the function.
func (c *code) at(label string) { c.mark(c.name + "." + label) }

func (c *code) mark(symbol string) {
	if len(c.labels) > 0 { // two names for one place: the second gets an instruction of its own
		c.add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	c.labels = append(c.labels, symbol)
}

func (c *code) to(label string) string { return c.name + "." + label }

// fresh is a label that no other is like.
func (c *code) fresh() string {
	c.labelled++
	return strconv.Itoa(c.labelled)
}

// call calls a function of this program with arguments of which R1 to R5 are none, or are theirs already.
func (c *code) call(name string, args ...asm.Register) {
	c.called[name] = true
	for i, r := range args {
		c.add(asm.Mov.Reg(asm.R1+asm.Register(i), r))
	}
	c.add(asm.Call.Label(name))
}

// loop calls a function of this program up to R1 times, until it returns 1.
func (c *code) loop(function string) {
	c.called[function] = true
	c.add(
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference(function),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	)
}

// fetch copies n bytes of the traced program at R3 into the scratch memory of R6, or jumps when they are not there.
func (c *code) fetch(at int16, n int32, missing string) {
	c.add(
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, int32(at)), asm.Mov.Imm(asm.R2, n),
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.to(missing)),
	)
}

// ret returns a number.
func (c *code) ret(n int32) { c.add(asm.Mov.Imm(asm.R0, n), asm.Return()) }

// load reads a field.
func (c *code) load(dst, src asm.Register, structure, field string, size asm.Size) {
	c.add(asm.LoadMem(dst, src, c.offset(structure, field), size))
}

// cast makes R0 a pointer to a structure of the kernel of the number in R1: reading what is not there gives
// zeros (bpf_rdonly_cast, Documentation/bpf/kfuncs.rst).
func (c *code) cast(structure string) {
	c.add(asm.Mov.Imm(asm.R2, c.id(structure)))
	c.kernel("bpf_rdonly_cast")
}

// kernel calls a function that the kernel has for programs.
func (c *code) kernel(function string) {
	c.add(asm.Instruction{OpCode: asm.FnUnspec.Call().OpCode, Src: asm.PseudoKfuncCall, Constant: int64(c.id(function))})
}

// value makes dst point to the one value of an array.
func (c *code) value(dst asm.Register, m *ebpf.Map) {
	c.mapped(asm.LoadMapValue(dst, 0, 0), m)
}

func (c *code) pointer(dst asm.Register, m *ebpf.Map) { c.mapped(asm.LoadMapPtr(dst, 0), m) }

func (c *code) mapped(i asm.Instruction, m *ebpf.Map) {
	if err := i.AssociateMap(m); err != nil {
		c.err = errors.Join(c.err, err)
	}
	c.add(i)
}

// build loads what was written and attaches nothing.
func (c *code) build(spec ebpf.ProgramSpec) (*ebpf.Program, error) {
	if err := errors.Join(c.layout.err, c.err); err != nil {
		return nil, err
	}
	spec.Instructions, spec.License = c.Instructions, "GPL"
	p, err := ebpf.NewProgram(&spec)
	if err != nil {
		return nil, fmt.Errorf("load the program %s: %w", spec.Name, err)
	}
	return p, nil
}

// storeImm stores a number; asm.StoreImm refuses those of eight bytes, which the instruction set has.
func storeImm(dst asm.Register, at int16, n int64, size asm.Size) asm.Instruction {
	return asm.Instruction{OpCode: asm.StoreImmOp(size), Dst: dst, Offset: at, Constant: n}
}

// fetchAdd adds src to the eight bytes at dst and makes it what they were. (FetchAdd.Mem leaves out which
// operation it is.)
func fetchAdd(dst, src asm.Register) asm.Instruction {
	i := asm.FetchAdd.Mem(dst, src, asm.DWord, 0)
	i.Constant = 0x01 // BPF_ADD | BPF_FETCH
	return i
}
