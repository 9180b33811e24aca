package inject

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// limitedEngine takes so many packets and then fails.
type limitedEngine struct {
	name   string
	takes  int
	err    error
	got    []byte
	closed bool
}

func (e *limitedEngine) Send(packets [][]byte) (int, error) {
	for i, p := range packets {
		if e.takes == 0 {
			return i, e.err
		}
		e.takes--
		e.got = append(e.got, p[0])
	}
	return len(packets), nil
}
func (e *limitedEngine) Batch() int       { return 4 }
func (e *limitedEngine) Refusals() uint64 { return 3 }
func (e *limitedEngine) String() string   { return e.name }
func (e *limitedEngine) Close() error     { e.closed = true; return nil }

// TestEngineGivenUp: what an engine that stops working has not taken goes by the next, once and in order; an error of a
// packet gives up no engine.
func TestEngineGivenUp(t *testing.T) {
	packets := [][]byte{{0}, {1}, {2}, {3}, {4}}
	for _, test := range []struct {
		err     error
		givesUp bool
	}{
		{os.NewSyscallError("sendmmsg", syscall.ENOBUFS), true}, {os.NewSyscallError("sendmmsg", syscall.EIO), true},
		{os.NewSyscallError("sendmmsg", syscall.EMSGSIZE), false}, {os.NewSyscallError("sendmmsg", syscall.EINVAL), false},
	} {
		first, next := &limitedEngine{name: "first", takes: 2, err: test.err}, &limitedEngine{name: "next", takes: 100}
		said := ""
		e := &inTurn{engines: []Engine{first, next}, notice: func(text string) { said += text }}
		n, err := e.Send(packets)
		if !test.givesUp {
			if n != 2 || !errors.Is(err, test.err) || said != "" || len(next.got) != 0 {
				t.Errorf("%v: %d, %v, %q", test.err, n, err, said)
			}
			continue
		}
		if n != 5 || err != nil || string(first.got) != "\x00\x01" || string(next.got) != "\x02\x03\x04" || !first.closed || e.Refusals() != 6 || e.String() != "next" {
			t.Errorf("%v: %d, %v; %x and %x", test.err, n, err, first.got, next.got)
		}
		if !strings.Contains(said, "first: given up") || !strings.Contains(said, "next") {
			t.Errorf("%v: said %q", test.err, said)
		}
	}
}
