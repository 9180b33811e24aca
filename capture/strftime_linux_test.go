package capture

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestStrftime compares with date(1), which has strftime's conversions.
func TestStrftime(t *testing.T) {
	const format = "%a|%A|%b|%h|%B|%C|%d|%D|%e|%F|%g|%G|%H|%I|%j|%k|%l|%m|%M|%n|%p|%r|%R|%s|%S|%t|%T|%u|%U|%V|%w|%W|%y|%Y|%z|%Z|%%"
	for day := range 800 {
		at := time.Date(2023, 12, 25, 11*day%24, 7*day%60, day%60, 0, time.UTC).AddDate(0, 0, day)
		if day%40 > 14 { // around each new year and some days between
			continue
		}
		date := exec.Command("date", "-u", "-d", at.Format(time.RFC3339), "+"+format)
		date.Env = []string{"LC_ALL=C"}
		want, err := date.Output()
		if err != nil {
			if os.Getenv("REQUIRE_PEERS") != "" {
				t.Fatalf("REQUIRE_PEERS is set, and there is no date(1): %v", err)
			}
			t.Skipf("no date(1) to compare with: %v", err)
		}
		if got := inTime(format, at); got != strings.TrimSuffix(string(want), "\n") {
			t.Errorf("%v:\n got %q\nwant %q", at, got, want)
		}
	}
	if got := inTime("a%Qb%", time.Now()); got != "a%Qb%" {
		t.Errorf("what is no conversion becomes %q", got)
	}
}
