package inject

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"sockwire/raw/packet"
)

// ErrNoAnswer means that a question was sent and nothing came back in time.
var ErrNoAnswer = errors.New("no answer")

// Ask sends one packet and returns the first answer to it, which may be an ICMP error, or an error that wraps
// [ErrNoAnswer] after [DefaultWait]. The expression is one of [packet.Parse], such as "ip{dst=192.0.2.1} / icmp";
// Ethernet and source addresses that it leaves out are filled in. It needs CAP_NET_RAW. For several packets, or
// anything else than the defaults, use an [Exchange].
func Ask(ctx context.Context, expression string) (Answer, error) {
	t, err := packet.Parse(expression)
	if err != nil {
		return Answer{}, err
	}
	t.SetSeed(rand.Uint64()) // ports and numbers of its own
	x := Exchange{Plan: &Plan{Template: t, Count: 1}}
	for answer, err := range x.Answers(ctx) {
		answer.Frame = append([]byte(nil), answer.Frame...)
		return answer, err
	}
	if err := context.Cause(ctx); err != nil {
		return Answer{}, err
	}
	return Answer{}, fmt.Errorf("inject: %s: %w", expression, ErrNoAnswer)
}
