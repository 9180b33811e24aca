package inject_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// Send a hundred datagrams from changing ports, ten a second.
func ExampleTransmission() {
	template, err := packet.Parse("ip{src=192.0.2.1, dst=198.51.100.2, id=seq 1} / udp{sport=rand 1024..65535, dport=53} / text{hello}")
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := inject.OpenRaw(nil) // needs CAP_NET_RAW
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	report, err := (&inject.Transmission{
		Engine:   engine,
		Source:   &inject.TemplateSource{Template: template, Count: 100},
		Schedule: inject.Schedule{Packets: 10},
	}).Transmit(ctx)
	fmt.Println(report.Sent, report.Rate(), report.Gap(99), err)
}

// Know an answer by what was sent.
func ExampleMatcher() {
	question, _ := packet.Append(nil, &packet.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.2")}, &packet.ICMPv4{Type: wire.ICMPv4Echo, ID: 7, Seq: 1})
	answer, _ := packet.Append(nil, &packet.IPv4{Src: netip.MustParseAddr("198.51.100.2"), Dst: netip.MustParseAddr("192.0.2.1")}, &packet.ICMPv4{Type: wire.ICMPv4EchoReply, ID: 7, Seq: 1})
	var m inject.Matcher
	sent := time.Unix(1000, 0)
	m.Sent(0, question, false, sent)
	i, outcome, ok := m.Match(answer, sent.Add(3*time.Millisecond), false)
	fmt.Println(m.Probes[i].Number, outcome, ok)
	// Output: 0 reply true
}
