package inject_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sockwire/raw/inject"
	"sockwire/raw/packet"
)

func built(t *testing.T, spec string) []byte {
	t.Helper()
	template, err := packet.Parse(spec)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	b, _, err := template.Append(nil, nil, 0)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return b
}

const (
	there         = "ip{src=192.0.2.1, dst=198.51.100.2, id=7"
	back          = "ip{src=198.51.100.2, dst=192.0.2.1, id=99"
	there6, back6 = "ip6{src=2001:db8::1, dst=2001:db8::2", "ip6{src=2001:db8::2, dst=2001:db8::1"
	router        = "ip{src=203.0.113.254, dst=192.0.2.1, id=50"
	router6       = "ip6{src=2001:db8::fe, dst=2001:db8::1"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		sent, came string
		want       inject.Role // 0: it has nothing to do with it
	}{
		{there + "} / icmp{id=1, seq=2}", back + "} / icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + "} / icmp{id=1, seq=2}", back + "} / icmp{type=0, id=1, seq=3}", 0},
		{there + "} / icmp{id=1, seq=2}", back + "} / icmp{type=8, id=1, seq=2}", 0},
		{there + "} / icmp{id=1, seq=2}", "ip{src=198.51.100.3, dst=192.0.2.1} / icmp{type=0, id=1, seq=2}", 0},
		{there + "} / icmp{type=timestamp, id=1}", back + "} / icmp{type=timestampreply, id=1}", inject.Reply},
		{there + "} / icmp{type=mask, id=1}", back + "} / icmp{type=maskreply, id=1}", inject.Reply},
		{there + "} / icmp{type=42, id=1, seq=0x0501}", back + "} / icmp{type=43, id=1, seq=0x05e8}", inject.Reply},
		{there + "} / udp{sport=1, dport=2}", back + "} / udp{sport=2, dport=1}", inject.Reply},
		{there + "} / udp{sport=1, dport=2}", back + "} / udp{sport=2, dport=3}", 0},
		{there + "} / udp{sport=1, dport=2}", back + "} / tcp{sport=2, dport=1}", 0},
		{there + "} / sctp{sport=1, dport=2} / chunk{type=init}", back + "} / sctp{sport=2, dport=1} / chunk{type=abort}", inject.Reply},
		{there + "} / tcp{sport=1, dport=2, seq=100, flags=S}", back + "} / tcp{sport=2, dport=1, flags=SA, seq=5, ack=101}", inject.Reply},
		{there + "} / tcp{sport=1, dport=2, seq=100, flags=S}", back + "} / tcp{sport=2, dport=1, flags=RA, seq=0, ack=101}", inject.Reply},
		{there + "} / tcp{sport=1, dport=2, seq=100, flags=S}", back + "} / tcp{sport=2, dport=1, flags=SA, seq=5, ack=102}", 0},
		{there + "} / tcp{sport=1, dport=2, seq=100, flags=PA, ack=7} / text{data}", back + "} / tcp{sport=2, dport=1, flags=A, seq=8, ack=104}", inject.Reply},
		{there + "} / tcp{sport=1, dport=2, seq=100, flags=A, ack=7}", back + "} / tcp{sport=2, dport=1, flags=R, seq=7}", inject.Reply},
		{there + "} / tcp{sport=1, dport=2, seq=4294967295, flags=S}", back + "} / tcp{sport=2, dport=1, flags=SA, seq=5, ack=0}", inject.Reply},
		{there + ", proto=89} / hex{00}", back + ", proto=89} / hex{01}", inject.Reply},

		{there + "} / udp{sport=1, dport=2}", router + "} / icmp{type=timeexceeded} / " + there + ", ttl=1} / udp{sport=1, dport=2}", inject.ICMPError},
		{there + "} / udp{sport=1, dport=2}", router + "} / icmp{type=unreachable, code=3} / ip{src=192.0.2.1, dst=198.51.100.2, id=8} / udp{sport=1, dport=3}", 0},
		{there + "} / udp{sport=1, dport=2}", router + "} / icmp{type=unreachable, code=3} / ip{src=203.0.113.9, dst=198.51.100.2, id=7} / udp{sport=40000, dport=2}", inject.ICMPError}, // source translated
		{there + "} / udp{sport=1, dport=2}", router + "} / icmp{type=unreachable, code=3} / ip{src=192.0.2.1, dst=10.0.0.9, id=7} / udp{sport=1, dport=8002}", inject.ICMPError},        // destination translated
		{there + "} / tcp{sport=1, dport=2, seq=9}", router + "} / icmp{type=unreachable, code=13} / " + there + "} / tcp{sport=1, dport=2, seq=9}", inject.ICMPError},
		{there + "} / tcp{sport=1, dport=2, seq=9}", router + "} / icmp{type=unreachable, code=13} / ip{src=192.0.2.1, dst=198.51.100.2, id=8} / tcp{sport=1, dport=2, seq=10}", 0},
		{there + "} / icmp{id=1, seq=2}", router + "} / icmp{type=timeexceeded} / " + there + "} / icmp{id=1, seq=2}", inject.ICMPError},
		{there + "} / icmp{id=1, seq=2}", router + "} / icmp{type=redirect, code=1, gw=192.0.2.254} / " + there + "} / icmp{id=1, seq=2}", inject.ICMPError},

		{there6 + "} / icmp6{id=1, seq=2}", back6 + "} / icmp6{type=echoreply, id=1, seq=2}", inject.Reply},
		{there6 + "} / dstopts / udp{sport=1, dport=2}", back6 + "} / hopopts / udp{sport=2, dport=1}", inject.Reply},
		{there6 + "} / udp{sport=1, dport=2}", router6 + "} / icmp6{type=toobig, mtu=1280} / " + there6 + "} / udp{sport=1, dport=2}", inject.ICMPError},
		{there6 + "} / icmp6{type=ns, target=2001:db8::9}", "ip6{src=2001:db8::9, dst=2001:db8::1} / icmp6{type=na, target=2001:db8::9}", inject.Reply},
		{there6 + "} / icmp6{type=ns, target=2001:db8::9}", "ip6{src=2001:db8::8, dst=2001:db8::1} / icmp6{type=na, target=2001:db8::8}", 0},
		{there6 + "} / icmp6{type=rs}", "ip6{src=fe80::1, dst=ff02::1} / icmp6{type=ra}", inject.Reply},
		{"arp{spa=192.0.2.1, tpa=192.0.2.9}", "arp{op=reply, spa=192.0.2.9, tpa=192.0.2.1}", inject.Reply},
		{"arp{spa=192.0.2.1, tpa=192.0.2.9}", "arp{op=reply, spa=192.0.2.8, tpa=192.0.2.1}", 0},
		{"arp{spa=192.0.2.1, tpa=192.0.2.9}", "arp{op=request, spa=192.0.2.9, tpa=192.0.2.1}", 0},
	} {
		var m inject.Matcher
		now := time.Unix(1000, 0)
		m.Sent(5, built(t, test.sent), false, now)
		i, got, ok := m.Match(built(t, test.came), now.Add(time.Millisecond), false)
		if ok != (test.want != 0) || got != test.want || ok && m.Probes[i].Number != 5 {
			t.Errorf("%s\n%s: %v %t, want %v", test.sent, test.came, got, ok, test.want)
		}
	}
}

func TestMatchOfGroups(t *testing.T) {
	var m inject.Matcher
	now := time.Unix(1000, 0)
	m.Sent(0, built(t, "ip{src=192.0.2.1, dst=192.0.2.255} / icmp{id=1, seq=2}"), true, now)
	for i := range 3 {
		came := built(t, fmt.Sprintf("ip{src=192.0.2.%d, dst=192.0.2.1} / icmp{type=0, id=1, seq=2}", 10+i))
		if _, o, ok := m.Match(came, now.Add(time.Millisecond), false); !ok || o != inject.Reply {
			t.Errorf("answer %d: %v %t", i, o, ok)
		}
	}
	if m.Probes[0].Replies != 3 {
		t.Errorf("%d replies", m.Probes[0].Replies)
	}
}

// TestMatchOfEqualPackets: packets that nothing tells apart are answered in the order sent, which is said, and
// departures are noted in order.
func TestMatchOfEqualPackets(t *testing.T) {
	var m inject.Matcher
	now := time.Unix(1000, 0)
	question, answer := built(t, there+"} / udp{sport=1, dport=2}"), built(t, back+"} / udp{sport=2, dport=1}")
	for n := range uint64(3) {
		m.Sent(n, question, false, now)
	}
	for n := range 3 {
		at := now.Add(time.Duration(n) * time.Second)
		if i, o, ok := m.Match(question, at, true); !ok || o != inject.Departure || i != n || !m.Probes[i].Sent.Equal(at) {
			t.Fatalf("departure %d: %d %v %t", n, i, o, ok)
		}
	}
	if _, _, ok := m.Match(question, now, true); ok {
		t.Error("a fourth departure of three")
	}
	for _, want := range []int{0, 1, 1} { // before the third was sent
		if i, _, ok := m.Match(answer, now.Add(1500*time.Millisecond), false); !ok || i != want || !m.Alike() {
			t.Errorf("answers probe %d, want %d; alike %t", i, want, m.Alike())
		}
	}
}

// TestMatchOfEqualPacketsOfWhichOneIsLost: an answer is not that of a probe that was given up when another like it left
// later.
func TestMatchOfEqualPacketsOfWhichOneIsLost(t *testing.T) {
	m := inject.Matcher{Patience: time.Second}
	now := time.Unix(1000, 0)
	question, answer := built(t, there+"} / udp{sport=1, dport=2}"), built(t, back+"} / udp{sport=2, dport=1}")
	for n := range 3 {
		m.Sent(uint64(n), question, false, now.Add(time.Duration(n)*1100*time.Millisecond))
	}
	at := func(d time.Duration) int {
		i, _, ok := m.Match(answer, now.Add(d), false)
		if !ok {
			t.Fatalf("at %v nothing is answered", d)
		}
		return i
	}
	if i := at(1150 * time.Millisecond); i != 1 { // the first is lost
		t.Errorf("answers probe %d, want 1", i)
	}
	if i := at(2300 * time.Millisecond); i != 2 {
		t.Errorf("answers probe %d, want 2", i)
	}
}

// TestMatchOfWhatIsInTunnels: an answer comes from where the inner packet went, in the tunnel or outside of it, and
// errors quote either packet; of a source route the end answers.
func TestMatchOfWhatIsInTunnels(t *testing.T) {
	const (
		inner     = "ip{src=192.0.2.1, dst=203.0.113.9, id=5} / "
		innerBack = "ip{src=203.0.113.9, dst=192.0.2.1, id=6} / "
		tunnel    = "ip{src=198.51.100.2, dst=192.0.2.1, id=98} / "
	)
	for _, test := range []struct {
		sent, came string
		want       inject.Role
	}{
		{there + "} / " + inner + "icmp{id=1, seq=2}", innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + "} / " + inner + "icmp{id=1, seq=2}", innerBack + "icmp{type=0, id=1, seq=3}", 0},
		{there + "} / " + inner + "icmp{id=1, seq=2}", tunnel + innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + "} / " + inner + "icmp{id=1, seq=2}", tunnel + innerBack + "icmp{type=0, id=1, seq=3}", 0},
		{there + "} / gre / " + inner + "tcp{sport=1, dport=2, seq=9}", tunnel + "gre / " + innerBack + "tcp{sport=2, dport=1, flags=RA, ack=10}", inject.Reply},
		{there + "} / gre{key=7, seq=3} / " + inner + "udp{sport=1, dport=2}", innerBack + "udp{sport=2, dport=1}", inject.Reply},
		{there + "} / udp{sport=9} / vxlan{vni=5} / eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01} / " + inner + "icmp{id=1, seq=2}",
			tunnel + "udp{sport=9} / vxlan{vni=5} / eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / " + innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + "} / udp{sport=9} / geneve{vni=5} / eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01} / " + inner + "icmp{id=1, seq=2}",
			tunnel + "udp{sport=9} / geneve{vni=5} / eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / " + innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there6 + "} / " + inner + "icmp{id=1, seq=2}", innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + "} / ip6{src=2001:db8::1, dst=2001:db8::9} / icmp6{id=1, seq=2}", "ip6{src=2001:db8::9, dst=2001:db8::1} / icmp6{type=echoreply, id=1, seq=2}", inject.Reply},
		{there + "} / " + inner + "icmp{id=1, seq=2}", router + "} / icmp{type=timeexceeded} / " + there + "} / " + inner + "icmp{id=1, seq=2}", inject.ICMPError},
		{there + "} / " + inner + "icmp{id=1, seq=2}", router + "} / icmp{type=unreachable, code=1} / " + inner + "icmp{id=1, seq=2}", inject.ICMPError},
		{there + "} / " + inner + "icmp{id=1, seq=2}", router + "} / icmp{type=unreachable, code=1} / ip{src=192.0.2.1, dst=203.0.113.9, id=6} / icmp{id=1, seq=4}", 0},

		{there + ", options=[lsrr{ptr=4, addrs=[203.0.113.8, 203.0.113.9]}]} / icmp{id=1, seq=2}", innerBack + "icmp{type=0, id=1, seq=2}", inject.Reply},
		{there + ", options=[nop, ssrr{ptr=4, addrs=[203.0.113.9]}]} / tcp{sport=1, dport=2, seq=9}", innerBack + "tcp{sport=2, dport=1, flags=SA, ack=10}", inject.Reply},
		{there + ", options=[lsrr{ptr=12, addrs=[203.0.113.8, 203.0.113.9]}]} / icmp{id=1, seq=2}", back + "} / icmp{type=0, id=1, seq=2}", inject.Reply}, // used up
		{there + ", options=[lsrr{ptr=4, addrs=[203.0.113.9]}]} / icmp{id=1, seq=2}", router + "} / icmp{type=unreachable, code=5} / ip{src=192.0.2.1, dst=203.0.113.9, id=7} / icmp{id=1, seq=2}", inject.ICMPError},
		{there6 + "} / rh{type=0, left=1, addrs=[2001:db8::9]} / icmp6{id=1, seq=2}", "ip6{src=2001:db8::9, dst=2001:db8::1} / icmp6{type=echoreply, id=1, seq=2}", inject.Reply},
		{there6 + "} / rh{type=4, left=1, addrs=[2001:db8::9, 2001:db8::2]} / udp{sport=1, dport=2}", "ip6{src=2001:db8::9, dst=2001:db8::1} / udp{sport=2, dport=1}", inject.Reply},
	} {
		var m inject.Matcher
		now := time.Unix(1000, 0)
		m.Sent(5, built(t, test.sent), false, now)
		_, got, ok := m.Match(built(t, test.came), now.Add(time.Millisecond), false)
		if ok != (test.want != 0) || got != test.want {
			t.Errorf("%s\n%s: %v %t, want %v", test.sent, test.came, got, ok, test.want)
		}
	}
}

func TestChanges(t *testing.T) {
	header := func(spec string) inject.Header {
		h, ok := inject.ParseHeader(built(t, spec))
		if !ok {
			t.Fatal(spec)
		}
		return h
	}
	sent := header(there + ", ttl=9, tos=0x1c} / udp{sport=1, dport=2}")
	same, other := sent, header("ip{src=10.0.0.1, dst=198.51.100.2, id=8, ttl=1, tos=0} / udp{sport=4000, dport=2}")
	if list := inject.Changes(&sent, &same); len(list) != 0 {
		t.Errorf("%v", list)
	}
	var text []string
	for _, c := range inject.Changes(&sent, &other) {
		if c.Field != "chksum" {
			text = append(text, c.String())
		}
	}
	if got, want := strings.Join(text, " "), "src 192.0.2.1→10.0.0.1 tos 0x1c→0x00 ttl 9→1 id 0x0007→0x0008 sport 1→4000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCookie(t *testing.T) {
	cookie, stranger := inject.NewCookie([]byte("key")), inject.NewCookie([]byte("another"))
	for _, test := range []struct {
		sent  string
		reply string // with %d for source port, destination port, and sequence number plus one, or id and sequence number
	}{
		{there + "} / udp{dport=53}", back + "} / udp{sport=53, dport=%d}"},
		{there + "} / tcp{dport=80}", back + "} / tcp{sport=80, dport=%d, flags=SA, ack=%d}"},
		{there6 + "} / tcp{dport=80}", back6 + "} / tcp{sport=80, dport=%d, flags=RA, ack=%d}"},
		{there + "} / icmp", back + "} / icmp{type=0, id=%d, seq=%d}"},
		{there6 + "} / icmp6", back6 + "} / icmp6{type=echoreply, id=%d, seq=%d}"},
	} {
		template, err := packet.Parse(test.sent)
		if err != nil {
			t.Fatal(err)
		}
		layers := template.Layers(0)
		cookie.Stamp(layers)
		sent, err := packet.Append(nil, layers...)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := inject.ParseHeader(sent)
		var reply string
		switch {
		case strings.Contains(test.sent, "udp"):
			reply = fmt.Sprintf(test.reply, h.SrcPort)
		case strings.Contains(test.sent, "tcp"):
			reply = fmt.Sprintf(test.reply, h.SrcPort, h.Seq+1)
		default:
			reply = fmt.Sprintf(test.reply, h.Word>>16, h.Word&0xffff)
		}
		from, o, ok := cookie.Check(built(t, reply))
		if !ok || o != inject.Reply || from.Addr() != h.Dst || from.Port() != h.DstPort {
			t.Errorf("%s: %v %v %t", reply, from, o, ok)
		}
		if _, _, ok := stranger.Check(built(t, reply)); ok {
			t.Errorf("%s: believed with another key", reply)
		}
		// An error that quotes it.
		var quote []packet.Layer
		if h.Dst.Is4() {
			quote = []packet.Layer{&packet.IPv4{Src: h.Dst, Dst: h.Src}, &packet.ICMPv4{Type: 3, Code: 1}, packet.Payload(sent[:28])}
		} else {
			quote = []packet.Layer{&packet.IPv6{Src: h.Dst, Dst: h.Src}, &packet.ICMPv6{Type: 1}, packet.Payload(sent)}
		}
		b, err := packet.Append(nil, quote...)
		if err != nil {
			t.Fatal(err)
		}
		if from, o, ok := cookie.Check(b); !ok || o != inject.ICMPError || from.Addr() != h.Dst {
			t.Errorf("quote of %s: %v %v %t", test.sent, from, o, ok)
		}
		if _, _, ok := stranger.Check(b); ok {
			t.Errorf("quote of %s: believed with another key", test.sent)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 28, 0, 7, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0, 1, 0, 2, 0, 8, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m inject.Matcher
		now := time.Unix(1000, 0)
		sent := m.Sent(1, b, false, now) >= 0
		_, o, ok := m.Match(b, now.Add(time.Second), true)
		if sent != ok || ok && o != inject.Departure {
			t.Fatalf("sent %t, and its departure is %v %t", sent, o, ok)
		}
		m.Match(b, now.Add(time.Second), false)
		inject.NewCookie([]byte("key")).Check(b)
		again := bytes.Clone(b)
		inject.CompleteChecksums(again, true)
		if inject.CompleteChecksums(again, true) {
			t.Fatalf("the checksums of %x are completed twice", b)
		}
		inject.RawAlters(b, 1500)
		inject.TrainRefuses(b)
	})
}

// TestCookieOfTunnelledAndRoutedPackets: a cookie is of whoever answers, which is the inner destination, or the end of
// a route.
func TestCookieOfTunnelledAndRoutedPackets(t *testing.T) {
	cookie := inject.NewCookie([]byte("key"))
	const end = "203.0.113.9"
	for _, spec := range []string{
		there + "} / ip{src=192.0.2.1, dst=" + end + ", id=5} / tcp{dport=80}", there + "} / gre / ip{src=192.0.2.1, dst=" + end + "} / tcp{dport=80}",
		there + ", options=[lsrr{ptr=4, addrs=[203.0.113.8, " + end + "]}]} / tcp{dport=80}",
	} {
		template, err := packet.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		layers := template.Layers(0)
		cookie.Stamp(layers)
		tcp := layers[len(layers)-1].(*packet.TCP)
		answer := fmt.Sprintf("ip{src=%s, dst=192.0.2.1} / tcp{sport=80, dport=%d, flags=SA, ack=%d}", end, tcp.SrcPort, tcp.Seq+1)
		for _, came := range []string{answer, "ip{src=198.51.100.2, dst=192.0.2.1} / " + answer} {
			if probed, role, ok := cookie.Check(built(t, came)); !ok || role != inject.Reply || probed.String() != end+":80" {
				t.Errorf("%s\n%s: %v %v %t", spec, came, probed, role, ok)
			}
		}
		sent, err := packet.Append(nil, layers...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := packet.Append(nil, &packet.IPv4{}, &packet.ICMPv4{Type: 11}, packet.Payload(sent))
		if err != nil {
			t.Fatal(err)
		}
		if probed, role, ok := cookie.Check(b); !ok || role != inject.ICMPError || probed.String() != end+":80" {
			t.Errorf("quote of %s: %v %v %t", spec, probed, role, ok)
		}
	}
}
