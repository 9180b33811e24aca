package main

import (
	"slices"
	"strings"
	"testing"

	"sockwire/capture/trace"
)

// TestEnded has threads end in a call: by signals, and by an exec of another thread. None of the calls has returned, whatever
// the kernel left them with.
func TestEnded(t *testing.T) { eachEngine(t, (*judge).ended) }

func (j *judge) ended(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"killed": "recvfrom = ? recvfrom = ? recvfrom = ?", "execthread": "read = ? read = ? read = ? read = ? read = ?"} {
		r := j.record(t, j.host(t, "host "+args, false), t.TempDir(), nil, "exercise", args)
		if r.Code != 0 || r.Stderr != "" {
			t.Errorf("%+v", r.outcome)
		}
		var got []string
		for _, c := range r.calls {
			if c.Errno != "" || c.Result == nil {
				got = append(got, c.text(false, false))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", args, s, want)
		}
	}
}

// TestLoss loses segments on purpose: the probe and what is sent again say what they carry, and that a timer caused them.
func TestLoss(t *testing.T) { eachEngine(t, (*judge).loss) }

func (j *judge) loss(t *testing.T) {
	t.Parallel()
	r := j.record(t, j.host(t, "host", false), t.TempDir(), nil, "exercise", "lose")
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("%+v", r.outcome)
	}
	r.check(t, true)
	var writes []trace.Span // each of them whole
	for _, c := range r.calls {
		if c.Name == "write" {
			writes = append(writes, trace.Span{Call: c.Number, To: int(*c.Result), All: true})
		}
	}
	var sent []*sighting
	for _, p := range r.packets {
		if p.Payload > 0 {
			sent = append(sent, p)
		}
	}
	if len(writes) != 3 || len(sent) < 3 {
		t.Fatalf("%d writes, %d segments with data", len(writes), len(sent))
	}
	for i, p := range sent {
		want, again, cause := writes, true, "timer" // or the first of them: the kernel may put together what it sends again
		switch i {
		case 0:
			want, again, cause = writes[:1], false, "call"
		case 1:
			want, again = writes[1:], false
		}
		carries := slices.Equal(p.Carries, want) || i > 1 && slices.Equal(p.Carries, writes[:1])
		if !carries || p.Retransmit != again || p.Cause.Kind != cause || i == 0 && p.Cause.Call != writes[0].Call {
			t.Errorf("segment %d carries %v, sent again is %v, its cause %+v; want %v, %v, %s", i, p.Carries, p.Retransmit, p.Cause, want, again, cause)
		}
	}
}

// TestAtOnce has two threads write to one connection at once, urgent bytes among them, while a third reads in several ways:
// what is said of the bytes is true, and with ebpf it is said of most.
func TestAtOnce(t *testing.T) { eachEngine(t, (*judge).simultaneous) }

func (j *judge) simultaneous(t *testing.T) {
	t.Parallel()
	r := j.record(t, j.host(t, "host", false), t.TempDir(), nil, "exercise", "atonce")
	if r.Code != 0 || r.Stderr != "" {
		t.Errorf("%+v", r.outcome)
	}
	r.atOnce = true
	r.check(t, false)
	sent, unknown := 0, 0
	for _, p := range r.packets {
		if !p.Retransmit {
			sent, unknown = sent+p.Payload, unknown+p.Unattributed
		}
	}
	t.Logf("of %d bytes %d are of no known call", sent, unknown)
	if j.engine == "ebpf" && unknown > sent/2 {
		t.Errorf("of %d bytes %d are of no known call", sent, unknown)
	}
}
