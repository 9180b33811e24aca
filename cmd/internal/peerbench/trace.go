package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// The program that is traced is this one under other names: it makes so many calls of one kind and says on
// standard output, in nanoseconds, how long they took.
const (
	traceSends  = "peerbench-sends"
	traceOthers = "peerbench-others"
	sendCalls   = 100_000
	otherCalls  = 1_000_000
)

func init() {
	var err error
	start := time.Now()
	switch filepath.Base(os.Args[0]) {
	case traceSends:
		err = makeSends()
	case traceOthers:
		for range otherCalls {
			os.Getppid()
		}
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(time.Since(start).Nanoseconds())
	os.Exit(0)
}

// makeSends sends datagrams of 64 bytes to a socket that nobody reads; WriteTo is sendto(2), which all tracers show.
func makeSends() error {
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	to := sink.LocalAddr().(*net.UDPAddr).AddrPort()
	b := make([]byte, 64)
	for range sendCalls {
		if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
			return err
		}
	}
	return nil
}

// traceRows are what tracing costs the traced program.
func traceRows() []Row {
	perCall := func(calls int) []Figure {
		return []Figure{{Name: fmt.Sprintf("time of %d calls", calls), Unit: "s", LowerIsBetter: true}}
	}
	strace := func(program string) Side {
		return Side{Name: "strace --seccomp-bpf -f -e network", Needs: []string{"strace"}, Goals: []float64{1},
			Run: traced(program, "strace", "--seccomp-bpf", "-f", "-e", "trace=network", "-o", os.DevNull)}
	}
	return []Row{
		{
			Name: "trace-sends", About: "100,000 sends of 64 bytes by a traced program, packets captured too; bound by the two stops a call",
			Figures: perCall(sendCalls),
			Ours:    Side{Name: "sockwire", Run: traced(traceSends, "", "--isolate", "--summary", "-o", os.DevNull, "--")},
			Peers:   []Side{strace(traceSends)},
		},
		{
			Name: "trace-others", About: "a million calls that are not about sockets, by a traced program and by one that is not",
			Figures: perCall(otherCalls),
			Ours:    Side{Name: "sockwire", Run: traced(traceOthers, "", "--isolate", "--summary", "-o", os.DevNull, "--")},
			Peers:   []Side{{Name: "not traced", Goals: []float64{1.1}, Run: traced(traceOthers, "")}, strace(traceOthers)},
		},
	}
}

// traced runs a program under a tracer, ours when tracer is "", and returns the seconds that the program says its calls
// took; without arguments it runs untraced.
func traced(program, tracer string, args ...string) func(context.Context, *Bench) ([]float64, error) {
	return func(ctx context.Context, b *Bench) ([]float64, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(b.Dir, program)
		if err := os.Symlink(self, file); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		name := tracer
		if name == "" {
			if name, err = b.Build(ctx, "sockwire"); err != nil {
				return nil, err
			}
		}
		cmd := exec.CommandContext(ctx, file)
		if len(args) > 0 {
			cmd = exec.CommandContext(ctx, name, append(append([]string(nil), args...), file)...)
		}
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		ns, err := strconv.ParseInt(string(out[:max(0, len(out)-1)]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		return []float64{float64(ns) / 1e9}, nil
	}
}
