package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sockwire/capture/golden"
	"sockwire/raw/inject"
)

// TestSchema freezes the records of --json.
func TestSchema(t *testing.T) {
	rtt := int64(123456)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	var text strings.Builder
	probe := &probeRecord{Dst: netip.MustParseAddr("192.0.2.1"), Protocol: "udp", Src: netip.MustParseAddr("192.0.2.7"), SrcPort: 5000, DstPort: 53, TTL: 64, ID: 7}
	for _, record := range []any{
		answerRecord{Type: "answer", Number: 1, Outcome: inject.ICMPError.String(), From: netip.MustParseAddr("192.0.2.1"), RTT: &rtt, Time: at, Extra: true, Alike: true, Verdict: inject.Closed, Packet: "IP …", Probe: probe,
			Changes: []inject.Change{{Field: "ttl", Sent: "9", Quoted: "1"}}},
		answerRecord{Type: "answer", Probed: "192.0.2.1:80", Outcome: inject.Reply.String(), From: netip.MustParseAddr("192.0.2.1"), Time: at, Packet: "IP …"},
		unansweredRecord{"unanswered", 2, "192.0.2.1 udp port 53 ttl 64", inject.OpenOrFiltered, probe},
		refusedRecord{"refused", 3, 9000, 1500, "message too long"},
		expressionRecord{"expression", 1, at, "ip / udp"},
		summary{Type: "summary", Engine: "raw socket", Failure: "message too long", Verdicts: map[inject.Verdict]int{inject.Open: 1}},
	} {
		b, err := json.MarshalIndent(record, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(b, '\n'))
	}
	golden.Check(t, "testdata/schema.golden", text.String())
}
