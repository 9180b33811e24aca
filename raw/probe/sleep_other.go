//go:build !linux

package probe

import "time"

const precise = false

func preciseSleep(time.Duration) bool { return false }
