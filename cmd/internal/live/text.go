package live

import (
	"fmt"
	"math"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
)

// Milliseconds prints a time in seven columns.
func Milliseconds(d time.Duration) string {
	v := float64(d) / 1e6
	switch {
	case v < 1:
		return fmt.Sprintf("%.3f", v)
	case v < 100:
		return fmt.Sprintf("%.2f", v)
	case v < 10000:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// Bars draws n numbers as a row of bars, their height the logarithm of the number from the least to the most. One that
// is below 0 is drawn as x: there is none.
func Bars(n int, at func(i int) float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	if cli.ASCII() {
		bars = []rune("_.-:=*#@")
	}
	low, high := math.Inf(1), 1.0
	for i := range n {
		if v := at(i); v >= 0 {
			low, high = min(low, max(v, 1)), max(high, v)
		}
	}
	span := math.Log(high/low) + 1e-9
	var b strings.Builder
	for i := range n {
		v := at(i)
		if v < 0 {
			b.WriteByte('x')
			continue
		}
		level := math.Log(max(v, low)/low) / span
		b.WriteRune(bars[min(int(level*float64(len(bars))), len(bars)-1)])
	}
	return b.String()
}
