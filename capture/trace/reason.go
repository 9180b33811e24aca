package trace

import (
	"net/netip"
	"time"

	tcpflow "sockwire/capture/flow"
)

// Reason is what the kernel says of why it sent a segment again, or reset a connection. A source gives it beside the
// packets; who has both puts it into Packet.Said.
type Reason struct {
	Time     time.Duration
	Src, Dst netip.AddrPort // of the segment
	Seq, End uint32         // of one that was sent again, and behind it
	Reset    bool
	Said     Said
}

func (*Reason) event() {}

// Said is what the kernel says of a segment that it sent.
type Said struct {
	// Cause is "timer", "tail-loss-probe", "reordering-timer", "recovery", "loss-recovery" or "unknown" of one that was
	// sent again; of a reset it is the kernel's reason (enum sk_rst_reason), as NO_SOCKET, or "" where this kernel
	// gives none.
	Cause string
	// State is that of congestion control (enum tcp_ca_state), "Loss"; "" where it was not asked.
	State string
	Why   string // in plain words
}

var congestionStates = [...]string{"Open", "Disorder", "CWR", "Recovery", "Loss"}

// Of include/net/inet_connection_sock.h: the timer that runs. Where that for retransmissions has run out, none does.
const (
	timerNone       = 0
	timerTailProbe  = 5
	timerReordering = 6
)

// SaidAgain is what the kernel's own state says of a segment that it sends again: that of congestion control
// (icsk_ca_state), and the timer that runs (icsk_pending).
func SaidAgain(state, timer uint8) Said {
	s := Said{Cause: "unknown", Why: "its state does not tell why"}
	if int(state) < len(congestionStates) {
		s.State = congestionStates[state]
	}
	switch {
	case timer == timerTailProbe:
		s.Cause, s.Why = "tail-loss-probe", "a probe whether the end of the data was lost"
	case timer == timerReordering:
		s.Cause, s.Why = "reordering-timer", "it was overtaken, and did not come in the time that reordering may take (RACK)"
	case s.State == "Loss" && timer == timerNone:
		s.Cause, s.Why = "timer", "it was not acknowledged in time"
	case s.State == "Loss":
		s.Cause, s.Why = "loss-recovery", "a timer ran out before, and an ACK let more be sent again"
	case s.State == "Recovery":
		s.Cause, s.Why = "recovery", "ACKs showed that it was lost (fast recovery)"
	}
	return s
}

var resetWords = map[string]string{
	"NOT_SPECIFIED": "the kernel does not say why", "NO_SOCKET": "no socket was there for what it answers",
	"TCP_INVALID_ACK_SEQUENCE": "what it answers acknowledges what cannot be", "TCP_RFC7323_PAWS": "the timestamp of what it answers is too old",
	"TCP_TOO_OLD_ACK": "what it answers acknowledges what is long gone", "TCP_OLD_ACK": "what it answers has an old acknowledgement",
	"TCP_ACK_UNSENT_DATA": "what it answers acknowledges what was not sent", "TCP_FLAGS": "the flags of what it answers do not fit",
	"TCP_ABORT_ON_DATA": "data came to a socket that was closed", "TCP_TIMEWAIT_SOCKET": "the connection has ended (TIME_WAIT)",
	"INVALID_SYN": "a SYN came in the middle of a connection", "TCP_ABORT_ON_CLOSE": "the socket was closed with unread data",
	"TCP_ABORT_ON_LINGER": "the program asked for it: SO_LINGER of 0 seconds", "TCP_ABORT_ON_MEMORY": "memory is short, or too many sockets have no program",
	"TCP_STATE": "the program gave the connection up (SO_LINGER of 0 seconds, connect with AF_UNSPEC)", "TCP_KEEPALIVE_TIMEOUT": "the peer did not answer any more",
	"TCP_DISCONNECT_WITH_DATA": "the connection was dissolved with data left",
}

// SaidReset is what the kernel says of a reset: its reason by name, "" where it gives none, and whether there was a
// socket.
func SaidReset(reason string, socket bool) Said {
	switch words := resetWords[reason]; {
	case words != "":
		return Said{Cause: reason, Why: words}
	case reason != "":
		return Said{Cause: reason, Why: "the kernel has only this name for it"}
	case socket:
		return Said{Why: "this kernel gives no reason; there was a socket"}
	}
	return Said{Why: "this kernel gives no reason; there was no socket"}
}

// Agrees tells whether the kernel says the same as what was concluded from the packets.
func (s *Said) Agrees(c tcpflow.Cause) bool {
	switch s.Cause {
	case "timer":
		return c == tcpflow.Timer
	case "tail-loss-probe":
		return c == tcpflow.TailProbe
	case "reordering-timer", "recovery":
		return c == tcpflow.Fast || c == tcpflow.SACK
	case "loss-recovery":
		return c == tcpflow.Timer || c == tcpflow.Fast || c == tcpflow.SACK
	}
	return false
}
