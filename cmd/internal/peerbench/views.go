package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sockwire/raw/netlab"
)

// viewLab is a host on whose loopback interface the commands with a screen run: with it on a pseudoterminal, and
// without.
type viewLab struct{ host *netlab.Host }

var views viewLab

func prepareViews(ctx context.Context, b *Bench) (func(), error) {
	return inLabOf(nil, func(lab *netlab.Lab) (err error) {
		views.host, err = lab.Host("a")
		return err
	}, func() { views = viewLab{} })
}

// beside is a command that works with the one that is measured: one that serves before it, or sends while it runs.
type beside struct {
	args   []string
	serves bool
}

// viewRow compares what a run costs with a screen and without one: args are those of both, with a flag each.
func viewRow(name, about string, other beside, with, without string, args ...string) Row {
	side := func(name, flag string, terminal bool) Side {
		return Side{Name: name, Needs: []string{"script"}, Run: func(ctx context.Context, b *Bench) ([]float64, error) {
			return views.measure(ctx, b, other, terminal, append([]string{args[0], flag}, args[1:]...))
		}}
	}
	alone := side("without", without, false)
	alone.Goals = []float64{1.05}
	return Row{Name: name, About: about, Prepare: prepareViews, Figures: []Figure{{Name: "CPU of the run", Unit: "s", LowerIsBetter: true}},
		Ours: side("with the screen", with, true), Peers: []Side{alone}}
}

// measure runs one of our commands, with a terminal of 120x50 or with nobody reading its output, and returns the seconds
// of processor that it took. Those of script(1), which holds the terminal, are among them both times: 15 ms, as much as
// the screen of a run that has little to do.
func (l *viewLab) measure(ctx context.Context, b *Bench, other beside, terminal bool, args []string) ([]float64, error) {
	var err error
	other.args = slices.Clone(other.args)
	for _, name := range []*string{&args[0], &other.args[0]} {
		if *name == "" {
			continue
		}
		if *name, err = b.Build(ctx, *name); err != nil {
			return nil, err
		}
	}
	var stop func()
	if other.args[0] != "" {
		if stop, err = l.start(ctx, other); err != nil {
			return nil, err
		}
		defer stop()
	}
	line := "stty rows 50 cols 120; exec " + strings.Join(args, " ")
	if !terminal {
		line += " >/dev/null"
	}
	cmd := l.host.Command(ctx, "script", "-qec", line, "/dev/null")
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color")
	u, err := b.Time(cmd)
	return []float64{u.CPU.Seconds()}, err
}

// start starts the other command, and waits until it serves.
func (l *viewLab) start(ctx context.Context, other beside) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := l.host.Command(ctx, other.args[0], other.args[1:]...)
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	if other.serves {
		if _, err = said.Read(make([]byte, 1)); err != nil {
			err = fmt.Errorf("%s says nothing: %w", other.args[0], err)
		}
	}
	return func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}, err
}

// viewRows are what a screen costs a run that has much to do. What it costs one that has little is all its own: some
// milliseconds a second.
func viewRows() []Row {
	return []Row{
		viewRow("view-rawping", "1000 hosts ten times a second; bound by the kernel's echo path", beside{args: []string{""}}, "--watch", "--many",
			"rawping", "-c", "50", "-i", "0.1", "--rate", "10kpps", "--generate", "127.0.1.0-127.0.4.231"),
		viewRow("view-dgperf", "30,000 datagrams of 1400 bytes a second; bound by the kernel's UDP path", beside{args: []string{"dgperf", "serve", "127.0.0.1"}, serves: true},
			"--watch", "", "dgperf", "-T", "5", "--rate", "30000pps", "-s", "1400", "127.0.0.1"),
		viewRow("view-pktview", "datagrams of 1000 conversations, up to 100,000 a second, as many as the loopback interface carries; bound by the ring and by counting",
			beside{args: []string{"rawsend", "-q", "--wait", "0", "--rate", "100000pps", "-c", "0", "--duration", "60s", "ip{dst=127.0.0.1}/udp{sport=5000..5999,dport=9}"}},
			"--top", "--top", "pktview", "-i", "lo", "-c", "500000", "udp", "port", "9"),
	}
}
