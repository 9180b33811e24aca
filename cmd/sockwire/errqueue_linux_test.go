package main

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture/trace"
)

// TestErrorQueue has a program read its sockets' error queues: what is an ICMP error is of the packet that brought it.
func TestErrorQueue(t *testing.T) { eachEngine(t, (*judge).errorQueue) }

func (j *judge) errorQueue(t *testing.T) {
	t.Parallel()
	r := j.record(t, j.host(t, "host", false), t.TempDir(), nil, "exercise", "errqueue")
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("%+v", r.outcome)
	}
	r.check(t, true)
	var got []string
	for _, c := range r.calls {
		if !strings.Contains(c.arg("flags"), "MSG_ERRQUEUE") || c.Errno != "" {
			continue
		}
		s := fmt.Sprintf("%s %d", c.Name, *c.Result)
		for _, q := range c.Queued {
			s += " " + q.Origin + " " + q.Errno
		}
		if c.Error != 0 {
			for _, p := range r.packets {
				if p.Number == c.Error && p.To == c.Socket {
					s += fmt.Sprintf(", protocol %d", p.Protocol)
				}
			}
		}
		if len(c.Received) > 0 {
			s += " received"
		}
		got = append(got, s)
	}
	want := []string{
		fmt.Sprintf("recvmsg 12 icmp ECONNREFUSED, protocol %d", trace.ProtoICMP), fmt.Sprintf("recvmsg 12 icmp6 ECONNREFUSED, protocol %d", trace.ProtoICMPv6),
		"recvmsg 0 timestamping ENOMSG", "recvmsg 0 zerocopy ",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("reads of error queues (-want +got):\n%s", diff)
	}
}
