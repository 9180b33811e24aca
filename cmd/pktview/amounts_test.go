package main

import (
	"testing"
	"time"
)

func TestSpanText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Millisecond: "90ms", 47*time.Hour + time.Second: "47h0m1s", 48 * time.Hour: "2d0s",
		51189*time.Hour + 7*time.Minute + 43*time.Second: "2132d21h7m43s", -49 * time.Hour: "-2d1h0m0s",
	} {
		if got := spanText(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
