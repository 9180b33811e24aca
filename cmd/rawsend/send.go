package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/dropped"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
)

// send sends what the plan says, and prints what comes back.
func send(ctx context.Context, env *cli.Env, o *options) error {
	p := o.plan
	p.Notice = func(text string) { env.Warnf("engine: %s", text) }
	if err := p.Open(ctx); err != nil {
		return o.explain(err)
	}
	defer p.Close()
	if !o.quiet {
		reason := ""
		if p.Reason != "" {
			reason = ": " + p.Reason
		}
		env.Warnf("engine: %s%s", p.Sender(), reason)
		if p.Unanswerable != "" && !p.Listens() && !o.flood && o.read == "" && o.wait > 0 {
			env.Warnf("no answers are waited for: %s", p.Unanswerable)
		}
	}
	x := &inject.Exchange{Plan: p, Schedule: o.pace(), Duration: o.duration, Wait: o.wait, Retries: o.retry}
	var received *receiver
	if p.Listens() {
		var err error
		if received, err = o.listen(ctx, env); err != nil {
			return err
		}
		defer received.Close()
		x.Receiver = received
	}
	var drops *dropped.Watch
	if o.drops {
		var err error
		if drops, err = dropped.Begin(); err != nil {
			return err
		}
		defer drops.Close()
	}
	if err := env.DropPrivilege(); err != nil {
		return err
	}
	stop := showProgress(env, x)
	var err error
	if received == nil {
		err = x.Send(ctx)
	} else {
		err = printAnswers(ctx, env, o, x, received)
	}
	stop()
	if err != nil && x.Result().Report.Sent == 0 {
		return o.explain(err)
	}
	sum := summarize(x, o)
	if received != nil {
		sum.Lost = received.lost()
	}
	if drops != nil {
		var failed error
		if sum.Dropped, failed = drops.End(); err == nil {
			err = failed
		}
	}
	if printErr := sum.print(env, o, x, received != nil); err == nil {
		err = printErr
	}
	return o.explain(err)
}

// showProgress shows what has been sent, and returns what ends that.
func showProgress(env *cli.Env, x *inject.Exchange) (stop func()) {
	var mu sync.Mutex
	var sent, size uint64
	total := x.Plan.Total()
	text := func() string {
		mu.Lock()
		defer mu.Unlock()
		if total != math.MaxUint64 {
			return fmt.Sprintf("%d of %s, %s sent", sent, cli.Plural(total, "packet"), cli.Plural(size, "byte"))
		}
		return fmt.Sprintf("%s, %s sent", cli.Plural(sent, "packet"), cli.Plural(size, "byte"))
	}
	env.OnStatus(text)
	x.Progress = func(n, b uint64) { mu.Lock(); sent, size = n, b; mu.Unlock() }
	return env.Progress(text)
}

// printAnswers sends, and prints answers as they come.
func printAnswers(ctx context.Context, env *cli.Env, o *options, x *inject.Exchange, received *receiver) error {
	a := answerPrinter{env: env, o: o, printer: decode.Printer{Applications: app.Renderer{}}}
	a.printer.Time = decode.TimeNone
	for answer, err := range x.Answers(ctx) {
		if err != nil {
			return err
		}
		if !o.quiet {
			a.print(&answer, received)
			if err := env.Stdout.Flush(); err != nil { // its reader has gone
				return err
			}
		}
	}
	return nil
}

// explain adds to an error what to do about it.
func (o *options) explain(err error) error {
	var refusal *inject.Refusal
	var syntax *packet.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return cli.WithHint(err, "if you mean it, add --allow %s", refusal.Allow)
	case errors.As(err, &syntax):
		return explain(o.spec, syntax)
	case errors.Is(err, inject.ErrNeedsInterface):
		return cli.WithHint(err, "say -I NAME; or send their IP packets by the routes of this machine with --engine raw")
	case errors.Is(err, inject.ErrOtherEngine):
		return cli.WithHint(err, "leave the choice of the engine to rawsend, or say --engine packet")
	case errors.Is(err, inject.ErrOtherInterface):
		return cli.WithHint(err, "send through one interface at a time: -I NAME")
	case errors.Is(err, inject.ErrNothingAnswers):
		return cli.WithHint(err, "leave out --wait")
	}
	return err
}
