package trace_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// TestLive writes a timeline in two pieces: nothing is left out, nothing written twice.
func TestLive(t *testing.T) {
	ms := time.Millisecond
	s := &trace.State{Socket: 7, Kind: trace.KindStream, Family: trace.FamilyIPv4}
	blocked := &trace.Call{Number: 1, Name: "accept", FD: 3, Socket: 7, Entered: ms, Pending: true}
	quick := &trace.Call{Number: 2, Name: "getsockname", FD: 3, Socket: 7, Entered: 2 * ms, Left: 3 * ms}
	late := &trace.Call{Number: 3, Name: "listen", FD: 3, Socket: 7, Entered: 8 * ms, Left: 9 * ms}
	var live show.Live
	first := string(live.Append(nil, trace.Correlate([]trace.Event{s, blocked, quick, late}), 5*ms, show.Options{}))
	if !strings.Contains(first, "#1  accept() …\n") || !strings.Contains(first, "#2  getsockname() = 0") || strings.Contains(first, "#3") {
		t.Errorf("first piece:\n%s", first)
	}
	done := *blocked
	done.Pending, done.Left, done.Result = false, 7*ms, 4
	all := trace.Correlate([]trace.Event{s, &done, quick, late})
	second := string(live.Append(nil, all, math.MaxInt64, show.Options{}))
	if !strings.Contains(second, "#1  └ = 4 (6.0 ms)") || strings.Contains(second, "#2") || !strings.Contains(second, "#3  listen() = 0") {
		t.Errorf("second piece:\n%s", second)
	}
	if rest := live.Append(nil, all, math.MaxInt64, show.Options{}); len(rest) != 0 {
		t.Errorf("third piece:\n%s", rest)
	}
	only := all.Only(func(c *trace.CallRecord) bool { return c.Name == "listen" }, nil)
	if text := string(show.Append(nil, only, show.Options{})); strings.Count(text, "\n") != 1 || !strings.Contains(text, "#3") {
		t.Errorf("only listen:\n%s", text)
	}
}

func TestSummarize(t *testing.T) {
	ms := time.Millisecond
	call := func(n int, name string, result int64, errno string, took time.Duration) *trace.Call {
		return &trace.Call{Number: n, Name: name, FD: 3, Socket: 7, Entered: time.Duration(n) * 10 * ms, Left: time.Duration(n)*10*ms + took, Result: result, Errno: errno, Size: 100}
	}
	many := call(4, "sendmmsg", 2, "", ms)
	many.Messages = []trace.Message{{Size: 10}, {Size: 20}, {Size: 40}}
	tl := trace.Correlate([]trace.Event{&trace.State{Socket: 7, Kind: trace.KindDatagram, Family: trace.FamilyIPv4},
		call(1, "send", 50, "", ms), call(2, "send", -1, "EAGAIN", ms), call(3, "recv", 30, "", 4*ms), many})
	s := show.Summarize(tl)
	if c := s.Calls[0]; c.Name != "recv" || c.Calls != 1 || c.Bytes != 30 || c.Time != 4*ms {
		t.Errorf("%+v", c)
	}
	if c := s.Calls[1]; c.Name != "send" || c.Calls != 2 || c.Errors != 1 || c.Bytes != 50 {
		t.Errorf("%+v", c)
	}
	if k := s.Sockets[0]; k.Sent != 80 || k.Received != 30 || k.Calls != 4 || k.Blocked != 7*ms || k.BlockedOn != "recv" {
		t.Errorf("%+v", k)
	}
	text := string(s.AppendText(nil))
	if !strings.Contains(text, "recv      1      0       30     4.000\n") || !strings.Contains(text, "s1      datagram  4") {
		t.Errorf("%s", text)
	}
}
