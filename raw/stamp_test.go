package raw

import (
	"testing"
	"time"
)

// TestPaceClockSteps moves the system's clock between calls and the kernel's stamps of their sends: the gaps reported
// are those of the clock that nobody moves.
func TestPaceClockSteps(t *testing.T) {
	const gap = 10 * time.Millisecond
	f := newFlight(Pinger{}, 16, 256)
	for i := range 100 {
		s, _, _ := f.table.add()
		s.sent, s.wall = time.Duration(i)*gap, int64(time.Duration(i)*gap)+1e18
		stamped := s.wall + int64(30*time.Microsecond)
		switch i % 3 {
		case 1:
			stamped += int64(time.Hour)
		case 2:
			stamped -= int64(time.Hour)
		}
		f.stampSent(s, stamped, Reading{s.sent + time.Millisecond, stamped})
	}
	if report := f.takeReport(); report.Gaps.Max > gap+time.Millisecond || report.Gaps.P50 < gap-time.Millisecond || report.Rate < 99 || report.Rate > 101 {
		t.Errorf("%+v at %v/s", report.Gaps, report.Rate)
	}
}
