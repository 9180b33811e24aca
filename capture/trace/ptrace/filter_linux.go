package ptrace

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
)

// A seccomp filter sees the registers of a call and cannot ask what a descriptor is. So the first filter stops calls
// that are about sockets whatever their descriptors are, and for each descriptor that becomes a socket another
// filter is added, which stops the calls that use it. Filters are inherited and never removed, and the most
// restrictive answer counts (seccomp(2)).

// Offsets in struct seccomp_data. Of an argument the lower half is looked at, which is the descriptor.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

// span is a range of descriptors.
type span struct{ first, last uint32 }

// whole are all descriptors.
var whole = span{0, math.MaxUint32}

// spanOf is the span that is covered when a descriptor becomes a socket: low numbers each for itself, the others in
// ranges that double, so that there are few filters however many sockets there are.
func spanOf(fd int) span {
	const single = 16
	if fd < single {
		return span{uint32(fd), uint32(fd)}
	}
	low := uint32(1) << (bits.Len32(uint32(fd)) - 1)
	return span{low, low<<1 - 1}
}

// last are calls after which a program may not be given another filter, or would not survive it: it limits which
// calls it may make, or gives up the right to have filters. Before them it gets the one for all descriptors.
var last = []uint64{
	unix.SYS_SECCOMP, unix.SYS_PRCTL, unix.SYS_SETUID, unix.SYS_SETREUID, unix.SYS_SETRESUID, unix.SYS_CAPSET,
}

// isLast tells whether a call is one of those; of the many uses of prctl(2) one is.
func isLast(number uint64, args [6]uint64) bool {
	return slices.Contains(last, number) && (number != unix.SYS_PRCTL || uint32(args[0]) == unix.PR_SET_SECCOMP)
}

var (
	stop = bpf.RetConstant{Val: unix.SECCOMP_RET_TRACE}
	run  = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
)

func argument(i int) bpf.Instruction {
	return bpf.LoadAbsolute{Off: uint32(dataArgs + 8*i), Size: 4}
}

// filter is a seccomp filter that lets run what no case stops.
type filter []bpf.Instruction

// newFilter begins a filter for the calls of this architecture. Those of 32 bits that a process can make too are
// stopped for what is said of them.
func newFilter(foreign filter) filter {
	f := filter{
		bpf.LoadAbsolute{Off: dataArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: abi.AuditArch, SkipTrue: uint8(len(foreign) + 1)},
	}
	return append(append(append(f, foreign...), run), bpf.LoadAbsolute{Off: dataNumber, Size: 4})
}

// foreignFilter stops calls of 32 bits of a class; those that use a descriptor, where it is of the span.
func foreignFilter(class abi.Class, s span) filter {
	if len(abi.ForeignCalls) == 0 {
		return nil
	}
	var cases filter
	for _, c := range abi.ForeignCalls {
		switch {
		case c.Class != class:
		case class == abi.Network:
			cases.when(c.Number, stop)
		default:
			cases.when(c.Number, append(s.stops(0), run)...)
		}
	}
	other := bpf.JumpIf{Cond: bpf.JumpEqual, Val: abi.ForeignArch, SkipTrue: 1}
	return append(filter{other, run, bpf.LoadAbsolute{Off: dataNumber, Size: 4}}, cases...)
}

// when adds what is done at a call.
func (f *filter) when(number uint32, code ...bpf.Instruction) {
	*f = append(*f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(code))})
	*f = append(*f, code...)
}

// program is the filter in the form that the kernel takes.
func (f filter) program() ([]unix.SockFilter, error) {
	raw, err := bpf.Assemble(append(f, run))
	if err != nil {
		return nil, err
	}
	program := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return program, nil
}

// firstFilter stops calls that are about sockets whatever their descriptors are.
func firstFilter(wait bool) filter {
	f := newFilter(foreignFilter(abi.Network, span{}))
	if other := abi.OtherTable; other != 0 {
		f = append(f, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: uint32(other), SkipFalse: 1}, stop)
	}
	for _, n := range numbers(wait, false) {
		f.when(n, stop)
	}
	// What is made with CLONE_UNTRACED must be traced all the same, see reveal. The flags of clone3 are in memory.
	f.when(unix.SYS_CLONE, argument(0), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.CLONE_UNTRACED, SkipFalse: 1}, stop, run)
	f.when(unix.SYS_CLONE3, stop)
	for _, n := range last {
		if n == unix.SYS_PRCTL {
			f.when(uint32(n), argument(0), bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PR_SET_SECCOMP, SkipFalse: 1}, stop, run)
			continue
		}
		f.when(uint32(n), stop)
	}
	return f
}

// filter stops calls that use a descriptor of the span.
func (s span) filter() filter {
	f := newFilter(foreignFilter(abi.Descriptor, s))
	for _, n := range numbers(false, true) {
		var code []bpf.Instruction
		for _, i := range descriptors(uint64(n)) {
			code = append(code, s.stops(i)...)
		}
		f.when(n, append(code, run)...)
	}
	return f
}

// stops stops a call of which an argument is a descriptor of the span.
func (s span) stops(i int) []bpf.Instruction {
	return []bpf.Instruction{
		argument(i),
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: s.first, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: s.last, SkipTrue: 1},
		stop,
	}
}

// numbers are the calls to watch: those that use a descriptor that may be a socket, or the others.
func numbers(wait, descriptor bool) []uint32 {
	all := slices.DeleteFunc(abi.Numbers(wait), func(n uint32) bool {
		s, _ := abi.Lookup(uint64(n))
		return (s.Class == abi.Descriptor) != descriptor
	})
	slices.Sort(all)
	return all
}

// descriptors are which arguments of a call are descriptors that it uses or closes.
func descriptors(number uint64) []int {
	s, _ := abi.Lookup(number)
	fd, other := abi.DescriptorOf(s.Name, [6]uint64{0, 1, 2, 3, 4, 5})
	switch s.Name {
	case "splice":
		return []int{fd, other}
	case "dup2", "dup3":
		return []int{fd, 1}
	}
	return []int{fd}
}

// image is struct sock_fprog and its program as they are at an address.
func (f filter) image(address uint64) ([]byte, error) {
	const header = 16
	program, err := f.program()
	if err != nil {
		return nil, err
	}
	b := make([]byte, header)
	binary.NativeEndian.PutUint16(b, uint16(len(program)))
	binary.NativeEndian.PutUint64(b[8:], address+header)
	for _, i := range program {
		b = append(binary.NativeEndian.AppendUint16(b, i.Code), i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b, nil
}
