package datagramtest

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/raw"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// asCommand in the environment makes the test binary the command.
const asCommand = "SOCKWIRE_DATAGRAM_COMMAND"

// Main runs a command's tests in namespaces of their own, and the command itself where scripts and Command call it.
func Main(m *testing.M, name string, command func()) {
	if os.Getenv(asCommand) != "" {
		command()
	}
	s := scripts{m, map[string]func(){name: command}}
	if filepath.Base(os.Args[0]) == name {
		s.Run()
	}
	netlab.Run(s)
}

type scripts struct {
	m        *testing.M
	commands map[string]func()
}

func (s scripts) Run() int {
	testscript.Main(s.m, s.commands)
	return 0 // not reached
}

// Command returns the command under test, with arguments, to be run on a lab host.
func Command(ctx context.Context, t testing.TB, h *netlab.Host, args ...string) *exec.Cmd {
	t.Helper()
	return CommandAfter(ctx, t, h, ":", args...)
}

// CommandAfter is Command with something that a shell does before, such as setting a limit.
func CommandAfter(ctx context.Context, t testing.TB, h *netlab.Host, before string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(ctx, "/bin/sh", append([]string{"-c", before + `; exec "$0" "$@"`, self}, args...)...)
	cmd.Env = append(cmd.Environ(), asCommand+"=1")
	return cmd
}

// On runs the command under test on a lab host and returns what it wrote and its exit status.
func On(t testing.TB, h *netlab.Host, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := Command(ctx, t, h, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// Background starts a program on a lab host and waits until it has written a line to standard error, and returns
// that line. The test's end ends it.
func Background(t testing.TB, cmd *exec.Cmd) (line string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		<-ended
	})
	lines := make(chan string, 1)
	go func() {
		defer close(ended)
		defer r.Close()
		var text []byte
		b := make([]byte, 1024)
		for {
			n, err := r.Read(b)
			text = append(text, b[:n]...)
			if first, _, whole := strings.Cut(string(text), "\n"); whole || err != nil {
				select {
				case lines <- first:
				default:
				}
			}
			if err != nil {
				return
			}
			text = text[:min(len(text), 1024)]
		}
	}()
	select {
	case line = <-lines:
	case <-time.After(20 * time.Second):
		t.Fatalf("%v says nothing", cmd.Args)
	}
	return line
}

// Peer finds an installed program or skips the test, or fails it where peers are required.
func Peer(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("REQUIRE_PEERS") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// DNS starts a real DNS server, dnsmasq, on a lab host until the test ends. It knows the names a.example, b.example and
// c.example, with the addresses 192.0.2.1, 192.0.2.2 and 192.0.2.3, and asks nobody about others.
func DNS(t testing.TB, h *netlab.Host) (address netip.AddrPort) {
	t.Helper()
	dnsmasq := Peer(t, "dnsmasq")
	args := []string{"--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll", "--bind-interfaces", "--local=/example/",
		"--listen-address=" + h.Addr4().String()}
	for i, name := range []string{"a", "b", "c"} {
		args = append(args, fmt.Sprintf("--host-record=%s.example,192.0.2.%d", name, i+1))
	}
	if line := Background(t, h.Command(t.Context(), dnsmasq, args...)); !strings.Contains(line, "started") {
		t.Fatalf("dnsmasq says %q", line)
	}
	return netip.AddrPortFrom(h.Addr4(), 53)
}

// Forge sends UDP datagrams from a lab host with whatever source address and port, as anybody on a network can.
func Forge(t testing.TB, h *netlab.Host, dst netip.AddrPort, payload []byte, from ...netip.AddrPort) {
	t.Helper()
	var c *raw.Conn
	err := h.Do(func() (err error) {
		c, err = raw.Listen(t.Context(), raw.Protocol(255), &raw.Config{HeaderIncluded: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, src := range from {
		b, err := packet.Append(nil, &packet.IPv4{Src: src.Addr(), Dst: dst.Addr()}, &packet.UDP{SrcPort: src.Port(), DstPort: dst.Port()},
			packet.Payload(payload))
		if err == nil {
			err = c.WritePacket(b, dst.Addr())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
