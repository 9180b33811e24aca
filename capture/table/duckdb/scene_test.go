package duckdb

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// said is a packet of the scene, and what is known of it because it was written so.
type said struct {
	src, dst     netip.AddrPort
	number       uint8  // of the IP protocol
	protocol     string // innermost
	flags        wire.TCPFlags
	seq          uint32
	payload      string
	name         string // of a DNS question
	id           uint16
	answer       bool
	status       string
	quoted       string // destination of what an ICMP error is about
	data         []byte
	opens, again bool
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var certificate *x509.Certificate

// handshake is a TLS record with a certificate that was made for the scene.
func handshake(t testing.TB) string {
	t.Helper()
	if certificate == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "www.example.com"}, NotBefore: hour, NotAfter: hour.Add(90 * 24 * time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		must(t, err)
		certificate, err = x509.ParseCertificate(der)
		must(t, err)
	}
	three := func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n))[1:] }
	der := certificate.Raw
	list := append(three(len(der)), der...)
	body := append(three(len(list)), list...)
	message := append(append([]byte{11}, three(len(body))...), body...)
	return string(append(binary.BigEndian.AppendUint16([]byte{22, 3, 3}, uint16(len(message))), message...))
}

var story []said

// scene writes the packets.
func scene(t testing.TB) [][]byte {
	t.Helper()
	client, web, tls := at("192.0.2.1:40000"), at("198.51.100.5:80"), at("198.51.100.6:443")
	tlsClient := at("192.0.2.1:40001")
	resolver := at("198.51.100.53:53")
	tcp := func(src, dst netip.AddrPort, flags wire.TCPFlags, seq uint32, payload string) said {
		return said{src: src, dst: dst, number: 6, protocol: "tcp", flags: flags, seq: seq, payload: payload, opens: flags == wire.SYN}
	}
	as := func(s said, protocol string) said { s.protocol = protocol; return s }
	dns := func(port uint16, id uint16, name string, answer bool) said {
		asker := netip.AddrPortFrom(client.Addr(), port)
		s := said{src: asker, dst: resolver, number: 17, protocol: "dns", name: name, id: id, answer: answer}
		if answer {
			s.src, s.dst = s.dst, s.src
		}
		return s
	}
	ok := as(tcp(web, client, wire.ACK|wire.PSH, 501, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "http")
	ok.status = "200"
	twice := ok
	twice.again, twice.status = true, ""
	unreachable := said{src: at("192.0.2.7:0"), dst: at("192.0.2.1:0"), number: 1, protocol: "icmp", quoted: "192.0.2.7"}
	story = []said{
		tcp(client, web, wire.SYN, 100, ""), tcp(web, client, wire.SYN|wire.ACK, 500, ""), tcp(client, web, wire.ACK, 101, ""),
		as(tcp(client, web, wire.ACK|wire.PSH, 101, "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"), "http"),
		ok, twice,
		dns(50000, 1, "slow.example.com.", false), dns(50001, 2, "fast.example.com.", false), dns(50001, 2, "fast.example.com.", true),
		dns(50000, 1, "slow.example.com.", true),
		tcp(tlsClient, tls, wire.SYN, 10, ""), tcp(tls, tlsClient, wire.SYN|wire.ACK, 20, ""), tcp(tlsClient, tls, wire.ACK, 11, ""),
		as(tcp(tls, tlsClient, wire.ACK|wire.PSH, 21, handshake(t)), "tls"),
		unreachable,
	}
	for port := range uint16(12) {
		story = append(story, tcp(netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), 60000+port), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), 1+port), wire.SYN, 1, ""))
	}
	var all [][]byte
	for i := range story {
		s := &story[i]
		layers := []packet.Layer{&packet.IPv4{Src: s.src.Addr(), Dst: s.dst.Addr(), ID: uint16(i)}}
		switch {
		case s.number == 6:
			layers = append(layers, &packet.TCP{SrcPort: s.src.Port(), DstPort: s.dst.Port(), Seq: s.seq, Ack: s.acked(), Flags: s.flags}, packet.Payload(s.payload))
		case s.number == 17:
			flags := uint16(0x100)
			if s.answer {
				flags = 0x8180
			}
			layers = append(layers, &packet.UDP{SrcPort: s.src.Port(), DstPort: s.dst.Port()}, packet.Payload(question(s.id, flags, s.name)))
		default:
			quote, err := packet.Append(nil, &packet.IPv4{Src: s.dst.Addr(), Dst: netip.MustParseAddr(s.quoted)}, &packet.UDP{SrcPort: 5, DstPort: 9}, packet.Payload("lost"))
			must(t, err)
			layers = append(layers, &packet.ICMPv4{Type: 3, Code: 3}, packet.Payload(quote))
		}
		b, err := packet.Append(nil, layers...)
		must(t, err)
		s.data = b
		all = append(all, b)
	}
	return all
}

// acked is what a packet of the scene acknowledges.
func (s *said) acked() uint32 {
	switch {
	case s.flags&wire.ACK == 0:
		return 0
	case s.src.Port() == 80:
		return 101 + map[bool]uint32{true: 41}[s.payload != ""]
	case s.src.Port() == 443:
		return 11
	case s.dst.Port() == 443:
		return 21
	}
	return 501
}

// question is a DNS message with one question.
func question(id, flags uint16, name string) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, id), flags)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0)
	label := ""
	for _, c := range name {
		if c == '.' {
			b = append(append(b, byte(len(label))), label...)
			label = ""
			continue
		}
		label += string(c)
	}
	return append(b, 0, 0, 1, 0, 1)
}

// answers computes from the story what the queries are to give.
func answers(t testing.TB, frames []capture.Frame) map[string][]string {
	type counts struct{ packets, bytes int }
	hosts, conversations := map[string]*counts{}, map[string]*counts{}
	var order, scanned []string
	streams, again, againBytes := map[string]int{}, map[string]int{}, map[string]int{}
	ports := map[string]map[uint16]bool{}
	protocols := map[string]*counts{}
	var slow, web, errors []string
	asked := map[string]int{}
	type delay struct {
		text string
		ns   int64
	}
	var delays []delay
	for i, s := range story {
		n := len(s.data)
		for _, h := range []string{s.src.Addr().String(), s.dst.Addr().String()} {
			if hosts[h] == nil {
				hosts[h] = &counts{}
			}
		}
		hosts[s.src.Addr().String()].packets++
		hosts[s.src.Addr().String()].bytes += n
		key, back := fmt.Sprintf("%d %v %d %v %d", s.number, s.src.Addr(), s.src.Port(), s.dst.Addr(), s.dst.Port()),
			fmt.Sprintf("%d %v %d %v %d", s.number, s.dst.Addr(), s.dst.Port(), s.src.Addr(), s.src.Port())
		if s.number == 1 {
			key = fmt.Sprintf("1 %v 3 %v 3", s.src.Addr(), s.dst.Addr())
		}
		if conversations[back] != nil {
			key = back
		}
		if conversations[key] == nil {
			conversations[key] = &counts{}
			order = append(order, key)
		}
		conversations[key].packets++
		conversations[key].bytes += n
		if s.opens {
			streams[s.dst.Addr().String()]++
			pair := s.src.Addr().String() + " " + s.dst.Addr().String()
			if ports[pair] == nil {
				ports[pair] = map[uint16]bool{}
			}
			ports[pair][s.dst.Port()] = true
		}
		if s.again {
			again[s.src.Addr().String()]++
			againBytes[s.src.Addr().String()] += len(s.payload)
		}
		if s.name != "" && !s.answer {
			asked[s.name] = i
		} else if s.name != "" {
			q := frames[asked[s.name]]
			ns := frames[i].Time.Sub(q.Time).Nanoseconds()
			delays = append(delays, delay{fmt.Sprintf("%s %s %v %d", q.Time.UTC().Format("2006-01-02T15:04:05.000000000Z"), strings.TrimSuffix(s.name, "."), s.src.Addr(), ns), ns})
		}
		if s.status != "" {
			web = append(web, fmt.Sprintf("%v %s 1", s.src.Addr(), s.status))
		}
		if s.quoted != "" {
			errors = append(errors, "false 3 3 "+s.quoted+" 17 1")
		}
		if netip.MustParsePrefix("192.0.2.0/24").Contains(s.src.Addr()) {
			if protocols[s.protocol] == nil {
				protocols[s.protocol] = &counts{}
			}
			protocols[s.protocol].packets++
			protocols[s.protocol].bytes += n
		}
	}
	slices.SortFunc(delays, func(a, b delay) int { return cmp.Compare(b.ns, a.ns) })
	for _, d := range delays {
		slow = append(slow, d.text)
	}
	for pair, set := range ports {
		if len(set) >= 10 {
			scanned = append(scanned, fmt.Sprintf("%s %d", pair, len(set)))
		}
	}
	lines := func(m map[string]*counts, by func(c *counts) int) (list []string) {
		var keys []string
		for k := range m {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(by(m[b]), by(m[a])), cmp.Compare(a, b)) })
		for _, k := range keys {
			list = append(list, fmt.Sprintf("%s %d %d", k, m[k].packets, m[k].bytes))
		}
		return list
	}
	talked := slices.Clone(order)
	slices.SortStableFunc(talked, func(a, b string) int { return cmp.Compare(conversations[b].bytes, conversations[a].bytes) })
	var said []string
	for _, k := range talked[:min(20, len(talked))] {
		said = append(said, fmt.Sprintf("%s %d %d", k, conversations[k].packets, conversations[k].bytes))
	}
	var servers []string
	for s := range streams {
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b string) int { return cmp.Or(cmp.Compare(again[b], again[a]), cmp.Compare(a, b)) })
	for i, s := range servers {
		servers[i] = fmt.Sprintf("%s %d %d %d", s, streams[s], again[s], againBytes[s])
	}
	lost := 0
	for _, f := range frames {
		lost += int(f.Drops)
	}
	return map[string][]string{
		"1": lines(hosts, func(c *counts) int { return c.bytes }), "2": said, "3": servers, "4": slow, "5": scanned,
		"6": {fmt.Sprintf("%s %s %s 198.51.100.6", certificate.Subject, certificate.Issuer, certificate.NotAfter.UTC().Format(time.RFC3339))},
		"7": {fmt.Sprintf("%s %d", hour.Format("2006-01-02T15:04:05.000000000Z"), lost)},
		"8": web, "9": errors,
		"10": lines(protocols, func(c *counts) int { return c.packets }),
	}
}
