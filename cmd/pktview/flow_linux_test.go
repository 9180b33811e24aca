package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sockwire/raw/netlab"
)

// asks has a ask b something on a TCP connection and returns when both have closed it.
func asks(t *testing.T, a, b *netlab.Host, question, answer string) {
	t.Helper()
	var listener net.Listener
	must(t, b.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(b.Addr4(), 0).String())
		return err
	}))
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			defer c.Close()
			if _, err = io.ReadFull(c, make([]byte, len(question))); err == nil {
				_, err = io.WriteString(c, answer)
			}
		}
		served <- err
	}()
	must(t, a.Do(func() error {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, question); err != nil {
			return err
		}
		_, err = io.ReadAll(c)
		return err
	}))
	must(t, <-served)
}

// What is said is shown while it is captured, and the table of streams at the end, and on SIGQUIT.
func TestLiveStreams(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	question, answer := strings.Repeat("question\n", 300), strings.Repeat("answer\n", 3000)
	follow := capturing(t, b, "-i", "eth0", "--follow", "tcp")
	streams := capturing(t, b, "-i", "eth0", "--streams", "tcp")
	asks(t, a, b, question, answer)
	// What has come to the socket by then is still taken when the capture ends.
	must(t, streams.cmd.Process.Signal(syscall.SIGQUIT))
	for !strings.Contains(streams.stderr.String(), "STREAMS (") {
		<-streams.stderr.more
	}
	for _, s := range []*session{follow, streams} {
		if code := s.end(syscall.SIGINT); code != 0 {
			t.Fatalf("%v: %s", s.cmd.ProcessState, s.stderr)
		}
	}
	said := follow.stdout.String()
	if !strings.HasPrefix(said, "stream 0: ") || strings.Count(said, "> question\n") != 300 || strings.Count(said, "< answer\n") != 3000 {
		t.Errorf("%d questions, %d answers in %.300s", strings.Count(said, "> question\n"), strings.Count(said, "< answer\n"), said)
	}
	table := streams.stdout.String()
	for _, want := range []string{"STREAMS (1), by bytes", fmt.Sprintf("#0 %v:", a.Addr4()), "closed by the server"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in %s", want, table)
		}
	}
}

// What --flow chooses of live traffic is written, and nothing else.
func TestLiveFlowIsWritten(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	name := filepath.Join(t.TempDir(), "second.pcapng")
	s := capturing(t, b, "-i", "eth0", "--flow", "flow.stream == 1", "-w", name, "tcp")
	asks(t, a, b, "first", "one")
	asks(t, a, b, "second", "two")
	if code := s.end(syscall.SIGINT); code != 0 || !strings.Contains(s.stderr.String(), " chosen by --flow, ") {
		t.Fatalf("%v: %s", s.cmd.ProcessState, s.stderr)
	}
	said := inDir(t, "", "-r", name, "--follow", "tcp")
	if !strings.Contains(said, "> second") || !strings.Contains(said, "< two") || strings.Contains(said, "first") || strings.Contains(said, "stream 1") {
		t.Errorf("written: %s", said)
	}
}
