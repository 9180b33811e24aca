//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// layout finds where fields stand in the structures of the running kernel, by its own type information
// (Documentation/bpf/btf.rst). The first thing that is not found is kept in err.
type layout struct {
	spec *btf.Spec
	err  error
}

func (l *layout) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("the kernel's type information: "+format, args...)
	}
}

// id is the number of a structure, or of a function.
func (l *layout) id(name string) int32 {
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

// offset is where a field stands in a structure, in bytes: path is a.b.c, with the members of anonymous
// structures named as if they were the outer one's.
func (l *layout) offset(name, path string) int16 {
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

// element is where an element of an array that is a field stands.
func (l *layout) element(name, field string, i int) int16 {
	var s *btf.Struct
	if l.err != nil || l.spec.TypeByName(name, &s) != nil {
		return l.offset(name, field) // which says what is wrong
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
	return l.offset(name, field) + int16(i*size)
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
