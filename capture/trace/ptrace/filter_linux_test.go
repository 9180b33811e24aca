//go:build amd64 || arm64

package ptrace

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace/internal/abi"
)

// stops runs filters as the kernel does and tells whether one of them stops a call. The machine of x/net reads
// numbers in network order.
func stops(t *testing.T, filters []filter, arch uint32, number uint64, args ...uint64) bool {
	t.Helper()
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b[dataNumber:], uint32(number))
	binary.BigEndian.PutUint32(b[dataArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(b[dataArgs+8*i:], uint32(a))
	}
	stopped := false
	for _, f := range filters {
		vm, err := bpf.NewVM(append(f, run))
		if err != nil {
			t.Fatal(err)
		}
		n, err := vm.Run(b)
		if err != nil {
			t.Fatal(err)
		}
		stopped = stopped || uint32(n) == unix.SECCOMP_RET_TRACE
	}
	return stopped
}

func TestFilters(t *testing.T) {
	first := []filter{firstFilter(false)}
	four := append(slices.Clip(first), spanOf(4).filter())
	many := append(slices.Clip(four), spanOf(100).filter())
	every := append(slices.Clip(first), whole.filter())
	minus := ^uint64(0)
	for _, c := range []struct {
		name    string
		filters []filter
		number  uint64
		args    []uint64
		want    bool
	}{
		{"a socket is made", first, unix.SYS_SOCKET, []uint64{2, 1}, true},
		{"sendto names any descriptor", first, unix.SYS_SENDTO, []uint64{9}, true},
		{"descriptors are taken from a process", first, unix.SYS_PIDFD_GETFD, []uint64{3, 4}, true},
		{"a file is read", first, unix.SYS_READ, []uint64{4}, false},
		{"a file is opened", first, unix.SYS_OPENAT, nil, false},
		{"waiting is not of interest", first, unix.SYS_PPOLL, nil, false},
		{"waiting is of interest", []filter{firstFilter(true)}, unix.SYS_PPOLL, nil, true},
		{"a filter of the program's own", first, unix.SYS_SECCOMP, nil, true},
		{"the same by prctl", first, unix.SYS_PRCTL, []uint64{unix.PR_SET_SECCOMP, 2}, true},
		{"prctl for other things", first, unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME}, false},
		{"a process that is not to be traced", first, unix.SYS_CLONE, []uint64{unix.CLONE_UNTRACED | uint64(unix.SIGCHLD)}, true},
		{"a process like any other", first, unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, false},
		{"flags that are in memory", first, unix.SYS_CLONE3, nil, true},
		{"rights are given up", first, unix.SYS_SETRESUID, []uint64{1, 1, 1}, true},
		{"the socket is read", four, unix.SYS_READ, []uint64{4}, true},
		{"the upper half is no part of a descriptor", four, unix.SYS_READ, []uint64{7<<32 | 4}, true},
		{"the one below it is read", four, unix.SYS_READ, []uint64{3}, false},
		{"the one above it is read", four, unix.SYS_READ, []uint64{5}, false},
		{"no descriptor is read", four, unix.SYS_READ, []uint64{minus}, false},
		{"the socket is duplicated", four, unix.SYS_DUP3, []uint64{4, 9}, true},
		{"the socket is replaced", four, unix.SYS_DUP3, []uint64{9, 4}, true},
		{"a file replaces a file", four, unix.SYS_DUP3, []uint64{9, 8}, false},
		{"it is spliced from", four, unix.SYS_SPLICE, []uint64{4, 0, 8}, true},
		{"it is spliced to", four, unix.SYS_SPLICE, []uint64{8, 0, 4}, true},
		{"files are spliced", four, unix.SYS_SPLICE, []uint64{8, 4, 9}, false},
		{"the lowest of a range", many, unix.SYS_CLOSE, []uint64{64}, true},
		{"the highest of a range", many, unix.SYS_CLOSE, []uint64{127}, true},
		{"below the range", many, unix.SYS_CLOSE, []uint64{63}, false},
		{"above the range", many, unix.SYS_CLOSE, []uint64{128}, false},
		{"any descriptor", every, unix.SYS_WRITE, []uint64{0}, true},
		{"the highest descriptor", every, unix.SYS_WRITE, []uint64{minus}, true},
		{"still no other calls", every, unix.SYS_OPENAT, nil, false},
	} {
		if got := stops(t, c.filters, abi.AuditArch, c.number, c.args...); got != c.want {
			t.Errorf("%s: stops %v, want %v", c.name, got, c.want)
		}
		if stops(t, c.filters, abi.AuditArch^1, c.number, c.args...) {
			t.Errorf("%s: a call of another architecture stops", c.name)
		}
	}
}

// TestForeignFilters checks which calls of 32 bits stop.
func TestForeignFilters(t *testing.T) {
	if len(abi.ForeignCalls) == 0 {
		t.Skip("a process of 64 bits makes no such calls here")
	}
	first := []filter{firstFilter(false)}
	four := append(slices.Clip(first), spanOf(4).filter())
	for _, c := range []struct {
		name    string
		filters []filter
		number  uint64
		fd      uint64
		want    bool
	}{
		{"socketcall", first, 102, 1, true},
		{"socket", first, 359, 2, true},
		{"sendmsg", first, 370, 9, true},
		{"getpid", first, 20, 0, false},
		{"write to a file", four, 4, 1, false},
		{"write to a socket", four, 4, 4, true},
		{"close of a socket", four, 6, 4, true},
		{"what has the number of a socket's descriptor", four, 20, 4, false},
	} {
		if got := stops(t, c.filters, abi.ForeignArch, c.number, c.fd); got != c.want {
			t.Errorf("%s: stops %v, want %v", c.name, got, c.want)
		}
	}
	if !stops(t, first, abi.AuditArch, uint64(abi.OtherTable)|39) || !stops(t, first, abi.AuditArch, unix.SYS_SOCKET) || stops(t, first, abi.AuditArch, 39) {
		t.Error("calls with the bit of the other table stop, and of this one those about sockets")
	}
}

// TestSpans checks that descriptors have spans which do not overlap, and that there are few.
func TestSpans(t *testing.T) {
	seen := map[span]bool{}
	next := uint32(0)
	for fd := range 1 << 20 {
		s := spanOf(fd)
		if uint32(fd) < s.first || uint32(fd) > s.last {
			t.Fatalf("the span of %d is %v", fd, s)
		}
		if !seen[s] {
			if s.first != next {
				t.Fatalf("%v follows %d", s, next)
			}
			seen[s], next = true, s.last+1
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d spans, want 32", len(seen))
	}
	spans := []span{spanOf(0), spanOf(3), whole}
	if got := parseSpans(appendSpans(nil, spans)); !slices.Equal(got, spans) {
		t.Errorf("%v, want %v", got, spans)
	}
}

// TestInherit checks which filters a process has that was made while its maker got more.
func TestInherit(t *testing.T) {
	from := coverage{spans: []span{{3, 3}, {4, 4}, {5, 5}}, before: 2}
	for filters, want := range map[int]coverage{
		5:  {spans: from.spans, before: 2},
		3:  {spans: from.spans[:1], before: 2},
		9:  {spans: from.spans, before: 6}, // four are its own
		2:  {before: 2},
		-1: {before: -1},
	} {
		var c coverage
		c.inherit(&from, filters)
		if !slices.Equal(c.spans, want.spans) || c.before != want.before {
			t.Errorf("of %d filters: %+v, want %+v", filters, c, want)
		}
	}
}
