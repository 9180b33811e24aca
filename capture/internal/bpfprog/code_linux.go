//go:build amd64 || arm64

package bpfprog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Code is a program being written: instructions with labels, and short names for what recurs. Registers
// are used as the kernel's calling convention has it (Documentation/bpf/standardization/abi.rst): R1 to R5
// are arguments and do not survive a call, R0 is the result, R6 to R9 survive.
type Code struct {
	*Layout
	Instructions asm.Instructions
	name         string // of the function, in front of its labels
	function     *btf.Func
	labels       []string
	called       map[string]bool // functions, by calls
	err          error

	labelled int // labels that fresh gave
}

// New begins a program with the layouts of the running kernel.
func New(l *Layout) *Code { return &Code{Layout: l, called: map[string]bool{}} }

// word is what functions return. The kernel wants to know of functions that loops call that they are static.
var (
	octet  = &btf.Int{Name: "u8", Size: 1}
	word   = &btf.Int{Name: "u32", Size: 4}
	number = &btf.Int{Name: "u64", Size: 8}
)

// Add appends instructions.
func (c *Code) Add(all ...asm.Instruction) {
	for _, i := range all {
		if len(c.labels) > 0 {
			if i = i.WithSymbol(c.labels[0]); c.labels[0] == c.name {
				i = btf.WithFuncMetadata(i, c.function)
			}
			c.labels = nil
		}
		c.Instructions = append(c.Instructions, i)
	}
}

// Function begins a function that call calls, and keeps its arguments in registers that survive.
func (c *Code) Function(name string, args ...asm.Register) {
	c.begin(&btf.Func{Name: name, Type: &btf.FuncProto{Return: word}, Linkage: btf.StaticFunc}, args)
}

// Once begins a function as Function does that the kernel checks once, and not again wherever it is called, which is
// where most of the time goes in which a program is loaded. Its first argument points to size bytes. Of the others,
// which are numbers, it knows nothing.
func (c *Code) Once(name string, size uint32, args ...asm.Register) {
	proto := &btf.FuncProto{Return: word, Params: []btf.FuncParam{
		{Name: "memory", Type: &btf.Pointer{Target: &btf.Array{Index: word, Type: octet, Nelems: size}}},
	}}
	for i := range args[1:] {
		proto.Params = append(proto.Params, btf.FuncParam{Name: "number" + strconv.Itoa(i), Type: number})
	}
	c.begin(&btf.Func{Name: name, Type: proto, Linkage: btf.GlobalFunc}, nil)
	c.Add(asm.JNE.Imm(asm.R1, 0, c.To("memory")), asm.Mov.Imm(asm.R0, 0), asm.Return())
	c.At("memory")
	c.keep(args)
}

func (c *Code) begin(f *btf.Func, args []asm.Register) {
	c.name, c.function = f.Name, f
	c.mark(f.Name)
	c.keep(args)
}

func (c *Code) keep(args []asm.Register) {
	for i, r := range args {
		if from := asm.R1 + asm.Register(i); r != from {
			c.Add(asm.Mov.Reg(r, from))
		}
	}
}

// At names the next instruction within the function.
func (c *Code) At(label string) { c.mark(c.name + "." + label) }

func (c *Code) mark(symbol string) {
	if len(c.labels) > 0 { // two names for one place: the second gets an instruction of its own
		c.Add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	c.labels = append(c.labels, symbol)
}

// To is the name of a label within the function, for jumps.
func (c *Code) To(label string) string { return c.name + "." + label }

// Fresh is a label that no other is like.
func (c *Code) Fresh() string {
	c.labelled++
	return strconv.Itoa(c.labelled)
}

// Call calls a function of this program with arguments of which R1 to R5 are none, or are theirs already.
func (c *Code) Call(name string, args ...asm.Register) {
	c.called[name] = true
	for i, r := range args {
		c.Add(asm.Mov.Reg(asm.R1+asm.Register(i), r))
	}
	c.Add(asm.Call.Label(name))
}

// Called tells whether a function of this program is called so far: those that are must be written.
func (c *Code) Called(function string) bool { return c.called[function] }

// Loop calls a function of this program up to R1 times, until it returns 1.
func (c *Code) Loop(function string) {
	c.called[function] = true
	c.Add(
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference(function),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	)
}

// Fetch copies n bytes of the traced program at R3 into the scratch memory of R6, or jumps when they are not there.
func (c *Code) Fetch(at int16, n int32, missing string) {
	c.Add(
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, int32(at)), asm.Mov.Imm(asm.R2, n),
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To(missing)),
	)
}

// AtMost bounds a register.
func (c *Code) AtMost(r asm.Register, n int32) {
	label := c.Fresh()
	c.Add(asm.JLE.Imm(r, n, c.To(label)), asm.Mov.Imm(r, n))
	c.At(label)
}

// Lesser makes a the lesser of two registers.
func (c *Code) Lesser(a, b asm.Register) {
	label := c.Fresh()
	c.Add(asm.JLE.Reg(a, b, c.To(label)), asm.Mov.Reg(a, b))
	c.At(label)
}

// Unset jumps when none of these bits of R1 is set.
func (c *Code) Unset(bits int32, label string) {
	set := c.Fresh()
	c.Add(asm.JSet.Imm(asm.R1, bits, c.To(set)), asm.Ja.Label(c.To(label)))
	c.At(set)
}

// Low makes r its lower half: a C int, without its sign.
func (c *Code) Low(r asm.Register) { c.Add(asm.LSh.Imm(r, 32), asm.RSh.Imm(r, 32)) }

// Ret returns a number.
func (c *Code) Ret(n int32) { c.Add(asm.Mov.Imm(asm.R0, n), asm.Return()) }

// Load reads a field.
func (c *Code) Load(dst, src asm.Register, structure, field string, size asm.Size) {
	c.Add(asm.LoadMem(dst, src, c.Offset(structure, field), size))
}

// Follow makes dst the field at the end of a way of pointers that begins in src: each step is a structure and a field
// of it, "sock.sk_socket". The last has this size.
func (c *Code) Follow(dst, src asm.Register, size asm.Size, way ...string) {
	for i, step := range way {
		structure, field, _ := strings.Cut(step, ".")
		each := asm.DWord
		if i == len(way)-1 {
			each = size
		}
		c.Load(dst, src, structure, field, each)
		src = dst
	}
}

// Copy puts what Follow finds at a place behind dst. R1 has it then too.
func (c *Code) Copy(dst asm.Register, at int16, src asm.Register, size asm.Size, way ...string) {
	c.Follow(asm.R1, src, size, way...)
	c.Add(asm.StoreMem(dst, at, asm.R1, size))
}

// Cast makes R0 a pointer to a structure of the kernel of the number in R1: reading what is not there gives
// zeros (bpf_rdonly_cast, Documentation/bpf/kfuncs.rst).
func (c *Code) Cast(structure string) {
	c.Add(asm.Mov.Imm(asm.R2, c.ID(structure)))
	c.Kernel("bpf_rdonly_cast")
}

// Kernel calls a function that the kernel has for programs.
func (c *Code) Kernel(function string) {
	c.Add(asm.Instruction{OpCode: asm.FnUnspec.Call().OpCode, Src: asm.PseudoKfuncCall, Constant: int64(c.ID(function))})
}

// Value makes dst point to the one value of an array.
func (c *Code) Value(dst asm.Register, m *ebpf.Map) {
	c.mapped(asm.LoadMapValue(dst, 0, 0), m)
}

// Pointer makes dst the map itself, for the helpers that take one.
func (c *Code) Pointer(dst asm.Register, m *ebpf.Map) { c.mapped(asm.LoadMapPtr(dst, 0), m) }

// Lookup makes R0 point to what the map has for the key on the stack, or 0.
func (c *Code) Lookup(m *ebpf.Map, key int16) {
	c.Pointer(asm.R1, m)
	c.Add(asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(key)), asm.FnMapLookupElem.Call())
}

// Update puts the value on the stack into the map, for the key on the stack.
func (c *Code) Update(m *ebpf.Map, key, value int16) {
	c.Pointer(asm.R1, m)
	c.Add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(key)), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, int32(value)),
		asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(),
	)
}

// Mine makes R0 point to the element of an array that is this processor's, or 0. The key goes to the stack.
func (c *Code) Mine(m *ebpf.Map, key int16) {
	c.Add(asm.FnGetSmpProcessorId.Call(), asm.StoreMem(asm.RFP, key, asm.R0, asm.Word))
	c.Lookup(m, key)
}

// Count adds one to the number in an array of one.
func (c *Code) Count(m *ebpf.Map) {
	c.Value(asm.R1, m)
	c.Add(asm.Mov.Imm(asm.R2, 1), FetchAdd(asm.R1, asm.R2))
}

// CountMine adds one to this processor's number, or jumps to "out". The key, which is 0, goes to the stack.
func (c *Code) CountMine(m *ebpf.Map, key int16) {
	c.Add(StoreImm(asm.RFP, key, 0, asm.Word))
	c.Lookup(m, key)
	c.Add(
		asm.JEq.Imm(asm.R0, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	)
}

// Reserve makes R0 room for a record in the ring, or counts it in the array lost and jumps.
func (c *Code) Reserve(ring, lost *ebpf.Map, size int32, full string) {
	room := c.Fresh()
	c.Pointer(asm.R1, ring)
	c.Add(asm.Mov.Imm(asm.R2, size), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(), asm.JNE.Imm(asm.R0, 0, c.To(room)))
	c.Count(lost)
	c.Add(asm.Ja.Label(c.To(full)))
	c.At(room)
}

// Submit gives a record to the reader of its ring, whom it does not wake.
func (c *Code) Submit(record asm.Register) {
	c.Add(asm.Mov.Reg(asm.R1, record), asm.Mov.Imm(asm.R2, NoWakeup), asm.FnRingbufSubmit.Call())
}

func (c *Code) mapped(i asm.Instruction, m *ebpf.Map) {
	if err := i.AssociateMap(m); err != nil {
		c.err = errors.Join(c.err, err)
	}
	c.Add(i)
}

// Build loads what was written and attaches nothing.
func (c *Code) Build(spec ebpf.ProgramSpec) (*ebpf.Program, error) {
	if err := errors.Join(c.Layout.err, c.err); err != nil {
		return nil, err
	}
	spec.Instructions, spec.License = c.Instructions, "GPL"
	// A collection of one, for only with collections can the kernel's types be kept.
	all, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: &spec}}, ebpf.CollectionOptions{Cache: types})
	if err != nil {
		return nil, fmt.Errorf("load the program %s: %w", spec.Name, err)
	}
	return all.DetachProgram(spec.Name), nil
}

// NoWakeup is the flag of helpers of the ring (BPF_RB_NO_WAKEUP): its reader looks often, nobody is woken.
const NoWakeup = 1

// StorageCreate makes local storage where there is none (BPF_LOCAL_STORAGE_GET_F_CREATE).
const StorageCreate = 1

// StoreImm stores a number; asm.StoreImm refuses those of eight bytes, which the instruction set has.
func StoreImm(dst asm.Register, at int16, n int64, size asm.Size) asm.Instruction {
	return asm.Instruction{OpCode: asm.StoreImmOp(size), Dst: dst, Offset: at, Constant: n}
}

// FetchAdd adds src to the eight bytes at dst and makes it what they were. (FetchAdd.Mem leaves out which
// operation it is.)
func FetchAdd(dst, src asm.Register) asm.Instruction {
	i := asm.FetchAdd.Mem(dst, src, asm.DWord, 0)
	i.Constant = 0x01 // BPF_ADD | BPF_FETCH
	return i
}

// Register loads a register of a struct pt_regs, named as in Registers.
func (c *Code) Register(dst, src asm.Register, field string, size asm.Size) {
	index := int16(0)
	if n := len(field) - 2; n > 0 && field[n] == '@' {
		index = int16(field[n+1] - '0')
		field = field[:n]
	}
	c.Add(asm.LoadMem(dst, src, c.Offset("pt_regs", field)+8*index, size))
}
