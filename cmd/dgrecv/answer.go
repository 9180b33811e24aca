package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"sockwire/dgram"
)

// Errors of the system that this command acts on.
const (
	errInUse   = syscall.EADDRINUSE
	errRefused = syscall.ECONNREFUSED
)

// answer sends what was asked for back to the sender of d. An answer that fails is counted and told; it ends nothing.
func (r *receiver) answer(c *dgram.Conn, d *dgram.Datagram) {
	var payload []byte
	switch {
	case r.o.echo:
		payload = d.Payload
	case r.o.hasReply:
		payload = []byte(r.o.reply)
	case r.o.exec != "":
		var err error
		if payload, err = r.execute(d); err != nil {
			r.sum.Failed++
			r.env.Warnf("--exec for datagram %d: %v", r.sum.Received, err)
			return
		}
		if len(payload) == 0 {
			return
		}
	default:
		return
	}
	if d.From.IsZero() {
		r.sum.Failed++
		r.env.Warnf("datagram %d has no sender's name to answer to", r.sum.Received)
		return
	}
	if err := c.Reply(d, payload); err != nil {
		r.sum.Failed++
		r.env.Warnf("%v", err)
		return
	}
	r.sum.Answers++
}

// execute runs the --exec command with d on its standard input and returns what it printed, at most one datagram's worth.
func (r *receiver) execute(d *dgram.Datagram) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.o.execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", r.o.exec)
	cmd.WaitDelay = time.Second
	out := &bounded{limit: dgram.MaxPayload6}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(d.Payload), out, r.env.Stderr
	cmd.Env = append(os.Environ(), "DGRECV_FROM="+d.From.String(), "DGRECV_TIME="+d.Time.Format(time.RFC3339Nano),
		fmt.Sprint("DGRECV_NUMBER=", r.sum.Received), fmt.Sprint("DGRECV_TTL=", d.TTL), fmt.Sprint("DGRECV_TOS=", d.TOS),
		"DGRECV_INTERFACE="+d.Interface)
	if d.From.IP.IsValid() {
		cmd.Env = append(cmd.Env, "DGRECV_FROM_ADDRESS="+d.From.IP.Addr().String(), fmt.Sprint("DGRECV_FROM_PORT=", d.From.IP.Port()))
	}
	if d.To.IsValid() {
		cmd.Env = append(cmd.Env, "DGRECV_TO="+d.To.Addr().String(), fmt.Sprint("DGRECV_TO_PORT=", d.To.Port()))
	}
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	if out.over {
		return nil, fmt.Errorf("the command wrote more than the %d bytes that one datagram can carry", out.limit)
	}
	return out.Bytes(), nil
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
