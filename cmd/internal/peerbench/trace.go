package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The program that is traced is this one under other names: it makes so many calls of one kind and says on
// standard output, in nanoseconds, how long they took.
const (
	traceSends  = "peerbench-sends"
	traceOthers = "peerbench-others"
	traceFiles  = "peerbench-files"
	sendCalls   = 100_000
	otherCalls  = 1_000_000
	fileRounds  = 100_000 // of four calls and more
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
	case traceFiles:
		err = useFile()
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

var dropsUnheard = regexp.MustCompile(`(?m)^sockwire: \d+ packets that the kernel dropped could not be recorded.*\n`)

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

// useFile opens, asks about, reads and closes a regular file.
func useFile() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b := make([]byte, 4096)
	for range fileRounds {
		f, err := os.Open(self)
		if err != nil {
			return err
		}
		_, statErr := f.Stat()
		_, err = f.Read(b)
		if err := errors.Join(statErr, err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// traceRows are what tracing costs the traced program.
func traceRows() []Row {
	strace := func(program string) Side {
		return Side{Name: "strace --seccomp-bpf -f -e network", Needs: []string{"strace"}, Goals: []float64{1},
			Run: traced(program, "strace", "--seccomp-bpf", "-f", "-e", "trace=network", "-o", os.DevNull)}
	}
	untraced := func(program string, goal float64) Side {
		return Side{Name: "not traced", Goals: []float64{goal}, Run: traced(program, "")}
	}
	ptrace := func(program string) Side {
		return Side{Name: "sockwire", Run: traced(program, "", "--isolate", "--engine", "ptrace", "--summary", "-o", os.DevNull, "--")}
	}
	ebpf := func(program string) Side {
		return Side{Name: "sockwire", Run: traced(program, "", "--engine", "ebpf", "--summary", "-o", os.DevNull, "--")}
	}
	row := func(name, about string, calls int, ours Side, peers ...Side) Row {
		figures := []Figure{{Name: fmt.Sprintf("time of %d calls", calls), Unit: "s", LowerIsBetter: true}}
		return Row{Name: name, About: about, Figures: figures, Ours: ours, Peers: peers}
	}
	return []Row{
		row("trace-sends", "100,000 sends of 64 bytes by a program traced with ptrace, packets captured too; bound by the two stops a call",
			sendCalls, ptrace(traceSends), strace(traceSends)),
		row("trace-sends-ebpf", "the same with the kernel's own programs, against the program untraced",
			sendCalls, ebpf(traceSends), untraced(traceSends, 2.2)),
		row("trace-others", "a million calls that do nothing (getppid), by a program traced with ptrace; bound by the entry path of calls with a seccomp filter",
			otherCalls, ptrace(traceOthers), untraced(traceOthers, 1.1), strace(traceOthers)),
		row("trace-others-ebpf", "the same with the kernel's own programs; bound by the entry path of calls with trace points",
			otherCalls, ebpf(traceOthers), untraced(traceOthers, 1.1)),
		row("trace-files", "a regular file opened, asked about, read (4 KiB) and closed 100,000 times by a program traced with ptrace; bound by the entry path of calls with seccomp filters",
			4*fileRounds, ptrace(traceFiles), untraced(traceFiles, 1.1), strace(traceFiles)),
		row("trace-files-ebpf", "the same with the kernel's own programs",
			4*fileRounds, ebpf(traceFiles), untraced(traceFiles, 1.1)),
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
		var told strings.Builder
		cmd.Stderr = &told
		out, err := cmd.Output()
		// What was lost is told there. Datagrams to a socket that nobody reads are dropped, so many that not all are heard of.
		if lost := dropsUnheard.ReplaceAllString(told.String(), ""); err != nil || lost != "" {
			return nil, errors.Join(fmt.Errorf("%s: %s", cmd, told.String()), err)
		}
		ns, err := strconv.ParseInt(string(out[:max(0, len(out)-1)]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		return []float64{float64(ns) / 1e9}, nil
	}
}
