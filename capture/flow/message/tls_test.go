package message

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
)

// certificate makes one for a.example, with many names so that it is long.
func certificate(t testing.TB, names int) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(4660), Subject: pkix.Name{CommonName: "a.example", Organization: []string{"Example"}},
		NotBefore: start, NotAfter: start.Add(24 * time.Hour), DNSNames: []string{"a.example", "b.example"}}
	for i := range names {
		tpl.DNSNames = append(tpl.DNSNames, strings.Repeat("n", 1+i%50)+".example")
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tap is an end of a connection that notes what it writes.
type tap struct {
	net.Conn
	d    flow.Direction
	says chan turn
}

func (c *tap) Write(b []byte) (int, error) {
	c.says <- turn{c.d, bytes.Clone(b)}
	return c.Conn.Write(b)
}

// handshakes returns what the two sides of a TLS connection say that exchange a few bytes.
func handshakes(t testing.TB, version uint16, names int, clientNames []string) []turn {
	t.Helper()
	a, b := net.Pipe()
	says := make(chan turn, 1000)
	client := tls.Client(&tap{a, flow.Forward, says}, &tls.Config{InsecureSkipVerify: true, ServerName: "a.example", MaxVersion: version, NextProtos: clientNames})
	server := tls.Server(&tap{b, flow.Backward, says}, &tls.Config{Certificates: []tls.Certificate{certificate(t, names)}, MaxVersion: version, NextProtos: []string{"h2"}})
	done := make(chan error, 1)
	go func() {
		buf := make([]byte, 5)
		_, err := io.ReadFull(server, buf)
		if err == nil {
			_, err = server.Write([]byte("world"))
		}
		done <- err
	}()
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(client, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	a.Close()
	b.Close()
	close(says)
	var turns []turn
	for x := range says {
		turns = append(turns, x)
	}
	return turns
}

// refragment puts the handshake messages that come before the first ChangeCipherSpec of each side into records of at
// most n bytes.
func refragment(turns []turn, n int) []turn {
	var out []turn
	var ccs [2]bool
	for _, x := range turns {
		var b []byte
		for data := x.data; len(data) >= recordHeader; {
			size := int(binary.BigEndian.Uint16(data[3:]))
			record := data[:recordHeader+size]
			data = data[recordHeader+size:]
			ccs[x.d] = ccs[x.d] || record[0] == changeCipherSpec
			if record[0] != handshake || ccs[x.d] {
				b = append(b, record...)
				continue
			}
			for part := range slices.Chunk(record[recordHeader:], n) {
				b = append(b, record[:3]...)
				b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
				b = append(b, part...)
			}
		}
		out = append(out, turn{x.d, b})
	}
	return out
}

// show renders messages as a user sees them: one line each, and the fields.
func show(t testing.TB, turns []turn, port uint16, rng *mrand.Rand) (lines []string, json string) {
	t.Helper()
	k := newTalk(port)
	k.open()
	for _, x := range turns {
		k.say(rng, x)
	}
	k.close()
	h := listen(t, k.frames, &Parser{})
	for _, l := range h.ordered() {
		_, l, _ = strings.Cut(l, ": ")
		lines = append(lines, l)
	}
	return lines, ""
}

func TestTLSHoweverCut(t *testing.T) {
	for name, c := range map[string]struct {
		version  uint16
		names    int
		contains []string
		forward  []string
	}{
		"1.2":                          {tls.VersionTLS12, 0, []string{"Certificate", "ServerHello TLS 1.2"}, []string{"ClientHello TLS 1.2", "ClientKeyExchange", "ChangeCipherSpec 1", "Handshake 40", "Application Data 29"}},
		"1.2 with a large certificate": {tls.VersionTLS12, 600, []string{"Certificate"}, []string{"ClientHello TLS 1.2", "ClientKeyExchange", "ChangeCipherSpec 1", "Handshake 40", "Application Data 29"}},
		"1.3":                          {tls.VersionTLS13, 0, []string{"ServerHello TLS 1.3", "ChangeCipherSpec 1", "Application Data"}, []string{"ClientHello TLS 1.3", "ChangeCipherSpec 1", "Application Data 53", "Application Data 22"}},
	} {
		t.Run(name, func(t *testing.T) {
			turns := handshakes(t, c.version, c.names, []string{"h2"})
			want, _ := show(t, turns, 4443, nil)
			for i, w := range c.forward {
				if i >= len(want) || !strings.Contains(want[i], w) {
					t.Fatalf("no %q at %d of\n%s", w, i, strings.Join(want, "\n"))
				}
			}
			all := strings.Join(want, "\n")
			for _, w := range append(c.contains, `SNI "a.example"`, `ALPN "h2"`) {
				if !strings.Contains(all, w) {
					t.Errorf("no %q in\n%s", w, all)
				}
			}
			for seed := range uint64(20) {
				rng := mrand.New(mrand.NewPCG(seed, 4))
				if got, _ := show(t, turns, 4443, rng); !slices.Equal(got, want) {
					t.Fatalf("cut %d:\n%s\nuncut:\n%s", seed, strings.Join(got, "\n"), all)
				}
				got, _ := show(t, refragment(turns, 40+rng.IntN(200)), 4443, rng)
				if s := strings.Join(got, "\n"); s != all {
					t.Fatalf("in many records, cut %d:\n%s\nuncut:\n%s", seed, s, all)
				}
			}
		})
	}
}

// TestCertificateIsShown: who it is for, by whom, and how long it is good.
func TestCertificateIsShown(t *testing.T) {
	turns := refragment(handshakes(t, tls.VersionTLS12, 600, nil), 3000)
	k := newTalk(443)
	k.open()
	for _, x := range turns {
		k.say(mrand.New(mrand.NewPCG(1, 1)), x)
	}
	k.close()
	var text, line string
	tracker, parser := flow.NewTracker(&flow.Config{Reassemble: true}), new(Parser)
	var dec decode.Decoder
	var history decode.History
	var x, q decode.Packet
	for _, f := range k.frames {
		dec.Decode(f, &x)
		history.Add(&x)
		r := tracker.Add(&x)
		for i := range r.Chunks {
			for _, m := range parser.Add(&r.Chunks[i]) {
				m.Packet(&q)
				p := decode.Printer{Applications: app.Renderer{}, Time: decode.TimeNone}
				if l := string(p.AppendLine(nil, &q)); strings.Contains(l, "Certificate") {
					line, text = l, string(p.AppendTree(nil, &q))
					if m.PacketCount < 5 || m.Cut {
						t.Errorf("%d packets, cut %v", m.PacketCount, m.Cut)
					}
				}
			}
		}
	}
	for _, w := range []string{"CN=a.example", "2026-01-02T03:04:05Z", "2026-01-03T03:04:05Z", "b.example", "1234"} {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%.3000s", w, text)
		}
	}
	if !strings.Contains(line, "CN=a.example") {
		t.Errorf("line %q", line)
	}
}
