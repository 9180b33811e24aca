package inject_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// Ask one question: an echo request.
func ExampleAsk() {
	answer, err := inject.Ask(context.Background(), "ip{dst=127.0.0.1} / icmp")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.From, answer.Role, answer.RTT > 0) // 127.0.0.1 reply true
}

// Scan ports: send SYNs at 1000 a second, match what comes back, ask again where nothing does, and say which ports are open.
func ExampleExchange() {
	template, err := packet.Parse("ip{dst=127.0.0.1} / tcp{dport=7990..8009, flags=S}")
	if err != nil {
		fmt.Println(err)
		return
	}
	template.SetSeed(uint64(time.Now().UnixNano())) // source port and sequence number of this run
	scan := inject.Exchange{
		Plan:     &inject.Plan{Template: template},
		Schedule: inject.Schedule{Packets: 1000},
		Wait:     500 * time.Millisecond,
		Retries:  1,
	}
	for answer, err := range scan.Answers(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if answer.Verdict == inject.Open {
			fmt.Println(answer.From, "port", answer.Port, answer.Verdict)
		}
	}
	for _, sent := range scan.Unanswered() {
		fmt.Println("no answer from", sent)
	}
	fmt.Println(scan.Result().Report.Sent, "sent:", scan.Verdicts()[inject.Closed], "closed")
	// 127.0.0.1 port 8000 open
	// 20 sent: 19 closed
}

// See what a plan would do before anything is sent.
func ExamplePlan() {
	template, err := packet.Parse("ip{dst=127.0.0.1, id=0} / udp{dport=9}")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := inject.Plan{Template: template}
	if err := plan.Open(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer plan.Close()
	fmt.Println(plan.Chosen, plan.Reason) // packet a raw socket's kernel replaces an id of 0
}

// TestExamples runs the examples that need a network of their own, which an example cannot skip without.
func TestExamples(t *testing.T) {
	_, a, _ := netlab.Two(t)
	err := a.Do(func() error {
		listener, err := net.Listen("tcp4", "127.0.0.1:8000")
		if err != nil {
			return err
		}
		defer listener.Close()
		for _, example := range []struct {
			run  func()
			want string
		}{
			{ExampleAsk, "127.0.0.1 reply true\n"}, {ExampleExchange, "127.0.0.1 port 8000 open\n20 sent: 19 closed\n"},
			{ExamplePlan, "packet a raw socket's kernel replaces an id of 0\n"},
		} {
			if got := output(t, example.run); got != example.want {
				t.Errorf("printed %q, want %q", got, example.want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// output returns what a function prints.
func output(t *testing.T, print func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	print()
	os.Stdout = stdout
	w.Close()
	b, err := io.ReadAll(r)
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAskWithoutAnAnswer: silence and the end of the context are told apart.
func TestAskWithoutAnAnswer(t *testing.T) {
	_, a, b := netlab.Two(t)
	err := a.Do(func() error {
		_, err := inject.Ask(context.Background(), fmt.Sprintf("ip{dst=%s, chksum=1} / icmp", b.Addr4())) // no kernel takes it
		if err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := inject.Ask(ctx, fmt.Sprintf("ip{dst=%s} / icmp", b.Addr4())); err == nil {
			t.Error("an answer to what was cancelled")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

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
	i, role, ok := m.Match(answer, sent.Add(3*time.Millisecond), false)
	fmt.Println(m.Probes[i].Number, role, ok)
	// Output: 0 reply true
}
