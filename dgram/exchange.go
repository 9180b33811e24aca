package dgram

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sockwire/raw/cmsg"
)

// Exchange says how to ask a question and wait for its answer. The zero value asks up to three times, waits 1 s,
// 2 s and 4 s, and takes the first datagram from the address that was asked.
type Exchange struct {
	Timeout time.Duration // of the first try; 0 means 1 s
	Tries   int           // 0 means 3
	Backoff float64       // each try waits so many times as long as the one before, at least 1; 0 means 2
	// Match tells an answer from another datagram of the same peer, for instance by a transaction id. nil takes any.
	Match func(request, answer []byte) bool
	// AnyPeer takes an answer from any address, as questions to a group or a broadcast address need.
	AnyPeer bool
	Buffer  []byte // for the answer; nil allocates 64 KiB
}

// Answer is the answer to an Exchange.
type Answer struct {
	Datagram               // Payload points into Exchange.Buffer
	Tries    int           // how many times the question was sent
	Elapsed  time.Duration // since the last of them was sent, by the kernel's stamp of the answer
}

// Exchange sends request and waits for the answer, sending again with growing patience. An answer to an earlier try
// counts.
//
// If the network says that it cannot be had, the error is a [*NetworkError], at once. If nobody answers, it answers to
// os.ErrDeadlineExceeded. On one Conn, one Exchange runs at a time, and nothing else receives.
func (c *Conn) Exchange(ctx context.Context, request []byte, to Addr, how *Exchange) (Answer, error) {
	e := Exchange{}
	if how != nil {
		e = *how
	}
	e.Timeout = cmp.Or(e.Timeout, time.Second)
	e.Tries = cmp.Or(e.Tries, 3)
	e.Backoff = max(cmp.Or(e.Backoff, 2), 1)
	if e.Buffer == nil {
		e.Buffer = make([]byte, 1<<16)
	}
	peer := c.zones.canonical(cmp.Or(to, c.remote))
	defer cmsg.Until(ctx, c.nc.SetReadDeadline)()
	defer cmsg.Until(ctx, c.nc.SetWriteDeadline)()
	start, wait := time.Now(), e.Timeout
	for try := 1; try <= e.Tries; try++ {
		sent := time.Now()
		if err := c.Send(request, to); err != nil && ctx.Err() == nil {
			return Answer{}, err
		}
		_ = c.nc.SetReadDeadline(sent.Add(wait))
		if err := ctx.Err(); err != nil {
			return Answer{}, fmt.Errorf("dgram: exchange with %v: %w", peer, context.Cause(ctx))
		}
		d, err := c.answer(&e, request, peer)
		if err == nil {
			return Answer{Datagram: d, Tries: try, Elapsed: max(d.Time.Sub(sent), 0)}, nil
		}
		if ctx.Err() != nil {
			return Answer{}, fmt.Errorf("dgram: exchange with %v: %w", peer, context.Cause(ctx))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return Answer{}, err
		}
		wait = time.Duration(float64(wait) * e.Backoff)
	}
	return Answer{}, fmt.Errorf("dgram: no answer from %v to %d tries in %v: %w",
		peer, e.Tries, time.Since(start).Round(time.Millisecond), os.ErrDeadlineExceeded)
}

// answer waits for one until the read deadline.
func (c *Conn) answer(e *Exchange, request []byte, peer Addr) (Datagram, error) {
	for {
		d, err := c.receiveFrom(e.Buffer, peer)
		if err != nil {
			return d, err
		}
		if !e.AnyPeer && d.From != peer {
			continue
		}
		if e.Match == nil || e.Match(request, d.Payload) {
			return d, nil
		}
	}
}

// SameID is a Match for protocols whose first n bytes are an identifier that the answer repeats, as the first two of
// DNS are.
func SameID(n int) func(request, answer []byte) bool {
	return func(request, answer []byte) bool {
		return len(request) >= n && len(answer) >= n && bytes.Equal(request[:n], answer[:n])
	}
}
