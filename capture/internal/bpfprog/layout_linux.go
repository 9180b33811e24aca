//go:build amd64 || arm64

package bpfprog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Layout finds where fields stand in the structures of the running kernel, by its own type information
// (Documentation/bpf/btf.rst). The first thing that is not found is kept in err.
type Layout struct {
	spec *btf.Spec
	err  error
}

// NewLayout finds in type information that was read.
func NewLayout(spec *btf.Spec) *Layout { return &Layout{spec: spec} }

// ErrTypes says that the running kernel's type information cannot be read.
var ErrTypes = errors.New("read the kernel's type information")

// types keeps that of the running kernel: to read it takes as long as to load a program.
var types = btf.NewCache()

// KernelTypes is that of the running kernel. Its error is ErrTypes.
func KernelTypes() (*btf.Spec, error) {
	spec, err := types.Kernel()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTypes, err)
	}
	return spec, nil
}

// KernelLayout is the layout of the running kernel. Its error is ErrTypes.
func KernelLayout() (*Layout, error) {
	spec, err := KernelTypes()
	if err != nil {
		return nil, err
	}
	return NewLayout(spec), nil
}

func (l *Layout) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("the kernel's type information: "+format, args...)
	}
}

// ID is the number of a structure, or of a function.
func (l *Layout) ID(name string) int32 {
	if l.err != nil {
		return 0
	}
	t, err := l.spec.AnyTypesByName(name)
	if err != nil {
		l.fail("%s: %w", name, err)
		return 0
	}
	for _, t := range t {
		switch t.(type) {
		case *btf.Struct, *btf.Func:
			if id, err := l.spec.TypeID(t); err == nil {
				return int32(id)
			}
		}
	}
	l.fail("%s is no structure and no function", name)
	return 0
}

// Offset is where a field stands in a structure, in bytes: path is a.b.c, with the members of anonymous
// structures named as if they were the outer one's.
func (l *Layout) Offset(name, path string) int16 {
	if l.err != nil {
		return 0
	}
	var s *btf.Struct
	if err := l.spec.TypeByName(name, &s); err != nil {
		l.fail("struct %s: %w", name, err)
		return 0
	}
	var t btf.Type = s
	at := uint32(0)
	for field := range strings.SplitSeq(path, ".") {
		m, off, ok := member(t, field)
		if !ok {
			l.fail("struct %s has no %s", name, path)
			return 0
		}
		t, at = m, at+off
	}
	if at > 1<<15-1-64 {
		l.fail("struct %s has %s at %d", name, path, at)
	}
	return int16(at)
}

// Element is where an element of an array that is a field stands.
func (l *Layout) Element(name, field string, i int) int16 {
	var s *btf.Struct
	if l.err != nil || l.spec.TypeByName(name, &s) != nil {
		return l.Offset(name, field) // which says what is wrong
	}
	t, _, _ := member(s, field)
	a, ok := btf.UnderlyingType(t).(*btf.Array)
	if !ok {
		l.fail("struct %s: %s is no array", name, field)
		return 0
	}
	size, err := btf.Sizeof(a.Type)
	if err != nil {
		l.fail("struct %s: %s: %w", name, field, err)
	}
	return l.Offset(name, field) + int16(i*size)
}

// member finds a field of a structure or union.
func member(t btf.Type, name string) (btf.Type, uint32, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m.Type, m.Offset.Bytes(), true
		}
		if m.Name == "" {
			if t, off, ok := member(m.Type, name); ok {
				return t, m.Offset.Bytes() + off, true
			}
		}
	}
	return nil, 0, false
}

// Has tells whether a structure has a field.
func (l *Layout) Has(name, path string) bool {
	before := l.err
	l.Offset(name, path)
	ok := l.err == nil
	l.err = before
	return ok
}
