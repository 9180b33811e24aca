package filter

import (
	"slices"
	"testing"

	"golang.org/x/net/bpf"
)

// netVM is x/net's interpreter; vm is nil for programs with the negation, which it does not know.
type netVM struct{ vm *bpf.VM }

func newNetVM(t *testing.T, p *Program) netVM {
	insns, ok := bpf.Disassemble(p.Raw())
	if !ok {
		t.Fatalf("x/net cannot read\n%s", p.AppendListing(nil, ListAssembly))
	}
	if slices.ContainsFunc(insns, func(i bpf.Instruction) bool { return i == bpf.NegateA{} }) {
		return netVM{}
	}
	vm, err := bpf.NewVM(insns)
	if err != nil {
		t.Fatalf("x/net: %v\n%s", err, p.AppendListing(nil, ListAssembly))
	}
	return netVM{vm}
}

func (v netVM) match(t *testing.T, data []byte) bool {
	n, err := v.vm.Run(data)
	if err != nil {
		t.Fatal("x/net: ", err)
	}
	return n > 0
}
