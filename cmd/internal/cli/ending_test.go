package cli

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestEnding: only a SIGINT or SIGTERM that a person may have sent ends a process at once.
func TestEnding(t *testing.T) {
	type arrival struct {
		s    os.Signal
		at   time.Duration
		want meaning
	}
	for name, list := range map[string][]arrival{
		"timeout":       {{syscall.SIGTERM, 0, endInOrder}, {syscall.SIGTERM, 3 * time.Microsecond, sameWish}},
		"impatient":     {{os.Interrupt, 0, endInOrder}, {os.Interrupt, 999 * time.Millisecond, sameWish}, {os.Interrupt, time.Second, endNow}},
		"shutdown":      {{syscall.SIGTERM, 0, endInOrder}, {syscall.SIGHUP, time.Minute, sameWish}, {syscall.SIGTERM, time.Hour, endNow}},
		"terminal gone": {{syscall.SIGHUP, 0, endInOrder}, {syscall.SIGHUP, time.Hour, sameWish}, {os.Interrupt, time.Hour, endNow}},
		"other second":  {{os.Interrupt, 0, endInOrder}, {syscall.SIGTERM, 2 * time.Second, endNow}},
	} {
		t.Run(name, func(t *testing.T) {
			var e ending
			start := time.Now()
			for i, a := range list {
				if got := e.next(a.s, start.Add(a.at)); got != a.want {
					t.Errorf("%d: %v after %v means %d, want %d", i, a.s, a.at, got, a.want)
				}
			}
		})
	}
}
