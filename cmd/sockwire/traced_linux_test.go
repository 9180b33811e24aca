package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Programs that scripts trace: this test binary under other names.
func init() {
	commands["chat"] = chat
	commands["pulse"] = pulse
	commands["terminate"] = func() { unix.Kill(os.Getpid(), unix.SIGKILL) }
}

// chat is a server and a client in one: TCP with half-close, UDP to an open and to a closed port, over IPv4
// or, with the argument 6, IPv6. It prints what the client received and exits with status 7.
func chat() {
	host := "127.0.0.1:0"
	if len(os.Args) > 1 && os.Args[1] == "6" {
		host = "[::1]:0"
	}
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
	}
	l, err := net.Listen("tcp", host)
	check(err)
	done := make(chan bool)
	go func() {
		c, err := l.Accept()
		check(err)
		b, err := io.ReadAll(c)
		check(err)
		_, err = c.Write([]byte(strings.ToUpper(string(b))))
		check(err)
		check(c.Close())
		close(done)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	check(err)
	for _, text := range []string{"first|", "second|"} {
		_, err = c.Write([]byte(text))
		check(err)
	}
	check(c.(*net.TCPConn).CloseWrite())
	b, err := io.ReadAll(c)
	check(err)
	fmt.Println(string(b))
	check(c.Close())
	<-done

	server, err := net.ListenPacket("udp", host)
	check(err)
	client, err := net.Dial("udp", server.LocalAddr().String())
	check(err)
	_, err = client.Write(make([]byte, 4000))
	check(err)
	_, _, err = server.ReadFrom(make([]byte, 5000))
	check(err)
	check(server.Close())
	_, err = client.Write([]byte("nobody"))
	check(err)
	client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err = client.Read(make([]byte, 10)); err == nil {
		os.Exit(98)
	}
	os.Exit(7)
}

// pulse sends a datagram and then waits for the end of its standard input.
func pulse() {
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		os.Exit(99)
	}
	fmt.Fprint(c, "pulse")
	io.Copy(io.Discard, os.Stdin)
}

// TestLive reads what is written of a call and of its packet while the program still runs.
func TestLive(t *testing.T) {
	if !labAvailable(t) {
		t.Skip("no lab can be made on this machine")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"sockwire", "pulse"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{"--json", "--columns", "--color=never"} {
		cmd := exec.Command(filepath.Join(dir, "sockwire"), "--isolate", format, "-o", "-", "--", filepath.Join(dir, "pulse"))
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		giveUp := time.AfterFunc(20*time.Second, func() { stdin.Close() })
		call, packet := false, false
		lines := bufio.NewScanner(stdout)
		for !(call && packet) && lines.Scan() {
			l := lines.Text()
			call = call || strings.Contains(l, `write(`) || strings.Contains(l, `"name":"write"`)
			packet = packet || strings.Contains(l, ":9 length 5") || strings.Contains(l, `"type":"packet"`)
		}
		if !giveUp.Stop() || !call || !packet {
			t.Errorf("%s: the call was written: %v, its packet: %v, while the program ran", format, call, packet)
		}
		stdin.Close()
		io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}
