package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/dgram"
)

// running tells whether a process is there and has not ended.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// pids waits for a file of so many numbers of processes.
func pids(t *testing.T, name string, n int) (list []int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		b, _ := os.ReadFile(name)
		fields := strings.Fields(string(b))
		if strings.HasSuffix(string(b), "\n") && len(fields) == n {
			for _, f := range fields {
				pid, err := strconv.Atoi(f)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, pid)
			}
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%s holds %q", name, b)
		}
	}
}

// A command's children, and theirs, end with it: when its time is up, when it ends itself, when the run ends.
func TestExecEndsWithAllItStarted(t *testing.T) {
	for _, tt := range []struct {
		name, ending string
		args         []string
		stop         bool
		want         string
	}{
		{"the time limit", "wait", []string{"-c", "1", "--exec-timeout", "300ms"}, false, "took longer than --exec-timeout"},
		{"children that hear nothing", "trap '' TERM; sh -c \"trap '' TERM; sleep 1000\" & wait; sleep 1000",
			[]string{"-c", "1", "--exec-timeout", "300ms"}, false, "took longer than --exec-timeout"},
		{"the command's end", "exit 0", []string{"-c", "1"}, false, "1 answered"},
		{"the end of the run by a signal", "wait", nil, true, "1 failed to be answered"},
		{"the end of the run by time", "wait", []string{"--duration", "1s"}, false, "1 failed to be answered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list, done := filepath.Join(dir, "pids"), filepath.Join(dir, "started")
			script := fmt.Sprintf("sleep 1000 & (sleep 1000 & echo $! >>%s; wait) & echo $$ $! >>%[1]s; while [ $(wc -w <%[1]s) -lt 3 ]; do sleep 0.01; done; "+
				"echo >>%[1]s; mv %[1]s %s; echo answer; %s", list, done, tt.ending)
			addr := freeAddress(t)
			stop, ended := begin(t, append(tt.args, "--exec", script, addr)...)
			c := insist(t, addr)
			all := pids(t, done, 3)
			began := time.Now()
			if tt.stop {
				stop()
			}
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
				left := 0
				for _, pid := range all {
					if running(pid) {
						left++
					}
				}
				if left == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%d of %d processes are left", left, len(all))
				}
			}
			if tt.args == nil && time.Since(began) > 8*time.Second {
				t.Errorf("the end took %v", time.Since(began))
			}
			if !tt.stop { // what it says comes after its children have ended
				ended()
			}
			_, stderr, _ := stop()
			if !strings.Contains(stderr, tt.want) {
				t.Errorf("no %q in\n%s", tt.want, stderr)
			}
			_ = c
		})
	}
}

// Names of Unix sockets are strangers' text: one with a zero byte reaches the command, which could not be started with
// it in its environment, and none acts on the terminal.
func TestStrangeUnixNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	stop := start(t, "--exec", "printenv DGRECV_FROM", "-c", "1", "unix:"+path)
	await(t, path)
	c, err := dgram.Dial(t.Context(), "unixgram", path, &dgram.Config{Local: "@a\x00b\x1b[2J" + strconv.Itoa(os.Getpid())})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send([]byte("x"), dgram.Addr{}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 200)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	d, err := c.Receive(b)
	if err != nil || !strings.Contains(string(d.Payload), `@a\x00b\x1b[2J`) {
		t.Errorf("got %q, %v", d.Payload, err)
	}
	if out, stderr, _ := stop(); strings.ContainsAny(out+stderr, "\x00\x1b") || !strings.Contains(out, `@a\x00b\x1b[2J`) {
		t.Errorf("%q %q", out, stderr)
	}
}
