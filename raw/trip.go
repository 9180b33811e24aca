package raw

import "time"

// stampScheduled notes when the kernel put an echo into the queue of a device.
func (f *flight) stampScheduled(s *slot, wall int64) {
	s.sched = wall
	f.stamped, f.stamping = true, true
}

// stampSent notes when the kernel handed an echo to a device.
func (f *flight) stampSent(s *slot, wall int64, now Reading) {
	if s.stamp == 0 && !s.byCall {
		queued := time.Duration(wall - s.wall)
		if queued < 0 || queued > now.Steady-s.sent {
			queued = 0 // the system's clock was moved
		}
		f.pace.Sent(s.sent + queued)
	}
	s.stamp = wall
	f.stamped, f.stamping = true, true
}

// trip works out the round trip of an answer that the kernel received at a time, 0 if it did not say. Kernel timestamps
// are readings of the system's clock, which may have been moved since the echo was sent: then, or if they contradict
// this process's own clock, they are not used.
func (f *flight) trip(s *slot, e *Echo, received int64, now Reading) {
	var stepped bool
	e.Total = now.Steady - s.sent
	e.RTT, e.Source, e.Split, stepped = RoundTrip(Reading{s.sent, s.wall}, s.stamp, received, now)
	if stepped {
		f.report.ClockSteps++
	}
}

// hardwareTrip works out a round trip from a device's stamps of the send and of the reception. It lies within the one
// that the kernel stamped; if not, the stamps are of two devices whose clocks differ, or of a clock that was set, and
// say nothing.
func hardwareTrip(sent, received int64, kernel time.Duration) (rtt time.Duration, ok bool) {
	const tolerance = time.Microsecond
	rtt = time.Duration(received - sent)
	return rtt, rtt >= 0 && rtt <= kernel+kernel/500+tolerance
}

// Reading is what two clocks showed at one moment: one that nobody moves, from any start, and the system's, ns.
type Reading struct {
	Steady time.Duration
	Wall   int64
}

// RoundTrip works out how long a round trip took and where, from readings at the call that sent and at the read in this
// process, and the kernel's stamps of the send and of the reception, ns of the system's clock, 0 where there is none.
// stepped says that the system's clock was moved meanwhile, so that its stamps are not used. It is what a [Pinger]
// uses.
func RoundTrip(call Reading, sent, received int64, read Reading) (rtt time.Duration, source TimeSource, split Split, stepped bool) {
	const tolerance = 20 * time.Microsecond // between two readings of two clocks
	whole := read.Steady - call.Steady
	if received == 0 {
		return whole, TimeProcess, split, false
	}
	slack := tolerance + whole/500 // clocks are slewed by up to 500 parts in a million
	moved := time.Duration(read.Wall-call.Wall) - whole
	if sent > received {
		// The kernel hands back a copy of what this host sends to a group that it is in, and so answers, before the
		// device has got the echo. If the clock was moved instead, the other readings show it.
		sent = 0
	}
	from := sent
	if sent == 0 {
		from = call.Wall
	}
	network := time.Duration(received - from)
	if moved > slack || moved < -slack || network < 0 || network > whole+slack ||
		received > read.Wall+int64(slack) || from < call.Wall-int64(slack) {
		return whole, TimeProcess, split, true
	}
	split.Receive = max(time.Duration(read.Wall-received), 0)
	if sent == 0 {
		return network, TimeProcess, split, false
	}
	split.Queue = max(time.Duration(sent-call.Wall), 0)
	split.Network = network
	return network, TimeKernel, split, false
}
