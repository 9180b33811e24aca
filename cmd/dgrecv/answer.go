package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
)

// answer sends what was asked for back to the sender of d. An answer that fails is counted and told; it ends nothing.
func (r *receiver) answer(ctx context.Context, c *dgram.Conn, d *dgram.Datagram) {
	if !r.o.answers() {
		return
	}
	payload, err := r.payload(ctx, d)
	if err != nil {
		r.sum.Failed++
		r.env.Warnf("--exec for datagram %d: %v", r.sum.Received, err)
		return
	}
	if payload == nil {
		return
	}
	if why := c.Unanswerable(d); why != "" {
		r.sum.NotAnswered++
		r.warn(why, "datagram %d from %v is not answered: %s", r.sum.Received, d.From, why)
		return
	}
	switch err := c.Reply(d, payload); {
	case err == nil:
		r.sum.Answers++
	case errors.Is(err, dgram.ErrNoRoom):
		r.sum.NoRoom++
		r.warn("room", "the answer to datagram %d from %v is left out: %v", r.sum.Received, d.From, err)
	default:
		r.sum.Failed++
		r.warn("failed", "answer to datagram %d: %v", r.sum.Received, err)
	}
}

// payload is the answer to d, nil for none.
func (r *receiver) payload(ctx context.Context, d *dgram.Datagram) ([]byte, error) {
	switch {
	case r.o.echo:
		return d.Payload, nil
	case r.o.hasReply:
		return []byte(r.o.reply), nil
	}
	return r.execute(ctx, d)
}

// warn prints what strangers can bring about as often as they like: the first of a kind, and with -v each.
func (r *receiver) warn(kind, format string, a ...any) {
	if r.o.verbose {
		r.env.Warnf(format, a...)
		return
	}
	if _, shown := r.shown[kind]; !shown {
		r.shown[kind] = struct{}{}
		r.env.Warnf(format+" (further ones are counted; -v shows each)", a...)
	}
}

var errTimeLimit = errors.New("it took longer than --exec-timeout allows")

// execute runs the --exec command with d on its standard input and returns what it printed, at most one datagram's
// worth. It and all that it has started end when the command does, when its time is up, and when the run ends.
func (r *receiver) execute(ctx context.Context, d *dgram.Datagram) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, errors.New("it is not run any more, the time is up")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.o.execTimeout, errTimeLimit)
	defer cancel()
	cmd := exec.Command("/bin/sh", "-c", r.o.exec)
	cmd.WaitDelay = time.Second
	out := &bounded{limit: dgram.MaxPayload6}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(d.Payload), out, r.env.Stderr
	cmd.Env = append(os.Environ(), "DGRECV_FROM="+variable(d.From.String()), "DGRECV_TIME="+d.Time.Format(time.RFC3339Nano),
		fmt.Sprint("DGRECV_NUMBER=", r.sum.Received), fmt.Sprint("DGRECV_TTL=", d.TTL), fmt.Sprint("DGRECV_TOS=", d.TOS),
		"DGRECV_INTERFACE="+d.Interface)
	if d.From.IP.IsValid() {
		cmd.Env = append(cmd.Env, "DGRECV_FROM_ADDRESS="+d.From.IP.Addr().String(), fmt.Sprint("DGRECV_FROM_PORT=", d.From.IP.Port()))
	}
	if d.To.IsValid() {
		cmd.Env = append(cmd.Env, "DGRECV_TO="+d.To.Addr().String(), fmt.Sprint("DGRECV_TO_PORT=", d.To.Port()))
	}
	err := runGroup(ctx, cmd)
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		return nil, errors.New("something that the command started goes on and holds its output open")
	case err != nil:
		return nil, err
	case out.over:
		return nil, fmt.Errorf("the command wrote more than the %d bytes that one datagram can carry", out.limit)
	}
	if out.Len() == 0 {
		return nil, nil // no answer, which is not an empty one
	}
	return out.Bytes(), nil
}

// variable is text as the environment can hold it: an abstract name may have zero bytes.
func variable(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return cli.Escape(s)
	}
	return s
}

// bounded keeps no more than limit bytes.
type bounded struct {
	bytes.Buffer
	limit int
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		b.over = true
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
