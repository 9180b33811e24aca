package trace_test

import (
	"testing"

	"sockwire/capture/flow"
	"sockwire/capture/trace"
)

// TestSaid: what the kernel's numbers mean, and with which verdicts that agrees.
func TestSaid(t *testing.T) {
	for _, c := range []struct {
		state, timer uint8
		cause        string
		with         flow.Cause
		not          flow.Cause
	}{
		{4, 0, "timer", flow.Timer, flow.SACK}, {0, 5, "tail-loss-probe", flow.TailProbe, flow.Timer},
		{3, 1, "recovery", flow.SACK, flow.Timer}, {3, 6, "reordering-timer", flow.Fast, flow.TailProbe},
		{4, 1, "loss-recovery", flow.Timer, flow.TailProbe}, {0, 1, "unknown", flow.NoCause, flow.Timer}, {31, 9, "unknown", flow.NoCause, flow.SACK},
	} {
		s := trace.SaidAgain(c.state, c.timer)
		if s.Cause != c.cause || s.Why == "" || s.Agrees(c.not) || c.cause != "unknown" && !s.Agrees(c.with) {
			t.Errorf("%d, %d: %+v", c.state, c.timer, s)
		}
	}
	for _, c := range []struct {
		reason string
		socket bool
		why    string
	}{
		{"NO_SOCKET", false, "no socket was there for what it answers"}, {"MPTCP_RST_EPROHIBIT", true, "the kernel has only this name for it"},
		{"", true, "this kernel gives no reason; there was a socket"}, {"", false, "this kernel gives no reason; there was no socket"},
	} {
		if s := trace.SaidReset(c.reason, c.socket); s.Cause != c.reason || s.Why != c.why {
			t.Errorf("%+v", s)
		}
	}
}
