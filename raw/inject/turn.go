package inject

import (
	"errors"
	"fmt"
	"syscall"
)

// inTurn is an engine and those that stand by for it: an engine that stops working while packets are sent, as trains do
// on a device whose segment offload is switched off, is given up for the next, and that is said.
type inTurn struct {
	engines  []Engine // the first is in use
	refusals uint64   // of those given up
	notice   func(text string)
}

// givesUp reports whether an error of an engine is about the engine and not about a packet.
func givesUp(err error) bool {
	full := errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
	return full || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EOPNOTSUPP)
}

// Send hands packets to the engine in use, and to the next if that gives up.
func (t *inTurn) Send(packets [][]byte) (int, error) {
	total := 0
	for {
		n, err := t.engines[0].Send(packets[total:])
		total += n
		if err == nil || len(t.engines) == 1 || !givesUp(err) {
			return total, err
		}
		if t.notice != nil {
			t.notice(fmt.Sprintf("%s: given up: %v; going on by %s", t.engines[0], err, t.engines[1]))
		}
		t.refusals += t.engines[0].Refusals()
		t.engines[0].Close()
		t.engines = t.engines[1:]
	}
}

func (t *inTurn) Batch() int       { return t.engines[0].Batch() }
func (t *inTurn) Refusals() uint64 { return t.refusals + t.engines[0].Refusals() }
func (t *inTurn) String() string   { return t.engines[0].String() }

func (t *inTurn) Close() error {
	var err error
	for _, e := range t.engines {
		err = errors.Join(err, e.Close())
	}
	return err
}
