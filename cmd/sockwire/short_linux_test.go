package main

import (
	"path/filepath"
	"testing"
)

// TestShortened: without a file to save packets in, of TCP only the headers are captured. All adds up the same, also
// with segments that the network would carry as many.
func TestShortened(t *testing.T) {
	j := newJudge(t)
	for _, engine := range each(t) {
		t.Run(engine, func(t *testing.T) {
			timeline := filepath.Join(t.TempDir(), "timeline.json")
			r := &recording{sockets: map[string]*socketRecord{}}
			r.outcome = j.do(t, j.host(t, "sockwire", true), t.TempDir(), "sockwire", "--engine", engine, "--json", "-o", timeline, "--data", "65535", "--", "exercise", "large", "fragments")
			if r.Code != 0 || r.Stderr != "" {
				t.Fatalf("%+v", r.outcome)
			}
			r.read(t, timeline)
			most := 0
			for _, p := range r.packets {
				most = max(most, p.Payload)
				n := 0
				for _, s := range p.Carries {
					n += s.To - s.From
				}
				if p.From != "" && n != p.Payload {
					t.Errorf("packet %d has %d bytes, and carries %d", p.Number, p.Payload, n)
				}
			}
			if most <= 1000 {
				t.Errorf("no segment is longer than %d bytes", most)
			}
		})
	}
}
