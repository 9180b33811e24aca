// Package datagramtest runs the scripts that test the datagram commands, with peers to talk to.
package datagramtest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/dgram"
)

// Run runs testdata/*.txtar. A script finds in its environment
//
//	ECHO    the address of a server that sends everything back
//	LATE    one that answers the third question only
//	TWICE   one that answers twice, the second time in capitals
//	SILENT  one that never answers
//	CLOSED  an address that nobody listens on
//	PORT    a free port of 127.0.0.1
//	UNIX    the path of a Unix socket that sends everything back
//
// and has the commands
//
//	status N COMMAND…   runs a command that must exit with N
//	send ADDRESS TEXT…  sends a datagram each, waiting until somebody listens; ADDRESS as net.Dial takes it or a path
func Run(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"status": status, "send": send},
	})
}

func setup(env *testscript.Env) error {
	ctx, cancel := context.WithCancel(context.Background())
	env.Defer(cancel)
	asked := map[dgram.Addr]int{}
	path := env.WorkDir + "/echo.sock"
	for name, server := range map[string]struct {
		network, address string
		answer           func(c *dgram.Conn, d *dgram.Datagram)
	}{
		"ECHO":   {"udp4", "127.0.0.1:0", echo},
		"UNIX":   {"unixgram", path, echo},
		"SILENT": {"udp4", "127.0.0.1:0", func(*dgram.Conn, *dgram.Datagram) {}},
		"LATE": {"udp4", "127.0.0.1:0", func(c *dgram.Conn, d *dgram.Datagram) {
			if asked[d.From]++; asked[d.From] == 3 {
				echo(c, d)
			}
		}},
		"TWICE": {"udp4", "127.0.0.1:0", func(c *dgram.Conn, d *dgram.Datagram) {
			echo(c, d)
			_ = c.Reply(d, []byte(strings.ToUpper(string(d.Payload))))
		}},
	} {
		c, err := dgram.Listen(ctx, server.network, server.address, nil)
		if err != nil {
			return err
		}
		env.Defer(func() { c.Close() })
		go func() {
			_ = c.Serve(ctx, 1, func(_ context.Context, d *dgram.Datagram) { server.answer(c, d) })
		}()
		env.Setenv(name, strings.TrimPrefix(c.LocalAddr().String(), "unix:"))
	}
	for _, name := range []string{"CLOSED", "PORT"} {
		c, err := dgram.Listen(ctx, "udp4", "127.0.0.1:0", nil)
		if err != nil {
			return err
		}
		env.Setenv(name, c.LocalAddr().String())
		if name == "PORT" {
			env.Setenv(name, fmt.Sprint(c.LocalAddr().IP.Port()))
		}
		c.Close()
	}
	return nil
}

func echo(c *dgram.Conn, d *dgram.Datagram) { _ = c.Reply(d, d.Payload) }

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", args[1], got, want)
	}
}

func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: send ADDRESS TEXT…")
	}
	network, address := "udp", args[0]
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") {
		network = "unixgram"
	}
	for _, text := range args[1:] {
		ts.Check(insist(network, address, []byte(text)))
	}
}

// insist sends until the receiver is there.
func insist(network, address string, payload []byte) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := attempt(network, address, payload)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func attempt(network, address string, payload []byte) error {
	c, err := dgram.Dial(context.Background(), network, address, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(payload, dgram.Addr{}); err != nil {
		return err
	}
	// Loopback's ICMP error is there before Send returns.
	if list, _ := c.Reports(); len(list) > 0 {
		return list[0]
	}
	return nil
}
