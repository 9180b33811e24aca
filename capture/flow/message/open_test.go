package message

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"sockwire/capture"
	"sockwire/capture/flow"
	"sockwire/capture/flow/keylog"
	"sockwire/raw/wire"
)

// secretTalk is what two ends of crypto/tls say to each other, and what they log.
type secretTalk struct {
	turns []turn
	log   bytes.Buffer
}

// talkTLS lets a client and a server of crypto/tls speak, each until it returns.
func talkTLS(t testing.TB, client, server *tls.Config, ask, answer func(net.Conn) error) *secretTalk {
	t.Helper()
	k := &secretTalk{}
	client, server = client.Clone(), server.Clone()
	client.InsecureSkipVerify, client.ServerName, client.KeyLogWriter = true, "a.example", &k.log
	client.Time = func() time.Time { return start.Add(time.Hour) } // when the certificate holds
	if server.Certificates == nil {
		server.Certificates = []tls.Certificate{certificate(t, 0)}
	}
	a, b := loopback(t) // an end of net.Pipe would wait where both write
	says := make(chan turn, 1<<14)
	c, s := tls.Client(&tap{a, flow.Forward, says}, client), tls.Server(&tap{b, flow.Backward, says}, server)
	done := make(chan error, 1)
	go func() { done <- answer(s) }()
	if err := ask(c); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	a.Close()
	b.Close()
	close(says)
	for x := range says {
		k.turns = append(k.turns, x)
	}
	return k
}

// loopback returns the two ends of a connection.
func loopback(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(time.Minute))
	}
	return a, b
}

const secretBody = "nobody is to see this"

// askHTTP and answerHTTP are two requests and their responses.
func askHTTP(c net.Conn) error {
	in := bufio.NewReader(c)
	for _, path := range []string{"/one", "/two"} {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n", path); err != nil {
			return err
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
	}
	return nil
}

func answerHTTP(c net.Conn) error {
	in := bufio.NewReader(c)
	for range 2 {
		if _, err := http.ReadRequest(in); err != nil {
			return err
		}
		body := strings.Repeat(secretBody, 2000)
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			return err
		}
	}
	return nil
}

// frames puts turns into a TCP connection, cut where rng says.
func framesOf(port uint16, turns []turn, rng *mrand.Rand) []capture.Frame {
	k := newTalk(port)
	k.open()
	for _, x := range turns {
		k.say(rng, x)
	}
	k.close()
	return k.frames
}

func logOf(text []byte) *keylog.Log {
	l := new(keylog.Log)
	l.Add(text)
	return l
}

// wants looks for lines in this order among those of a direction.
func (h *heard) wants(t testing.TB, lines ...string) {
	t.Helper()
	at := 0
	for _, l := range h.lines {
		if at < len(lines) && strings.Contains(l, lines[at]) {
			at++
		}
	}
	if at < len(lines) {
		t.Fatalf("no %q, in this order, in\n%s", lines[at], strings.Join(h.lines, "\n"))
	}
}

func TestOpenedHTTP(t *testing.T) {
	for name, c := range map[string]*tls.Config{
		"1.2 AES-128":  {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		"1.2 AES-256":  {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		"1.2 ChaCha20": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
		"1.3":          {MinVersion: tls.VersionTLS13},
		"1.3 retry":    {MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP256, tls.CurveP384}},
	} {
		t.Run(name, func(t *testing.T) {
			server := &tls.Config{}
			if name == "1.3 retry" {
				server.CurvePreferences = []tls.CurveID{tls.CurveP384}
			}
			k := talkTLS(t, c, server, askHTTP, answerHTTP)
			for seed := range uint64(6) {
				var rng *mrand.Rand
				if seed > 0 {
					rng = mrand.New(mrand.NewPCG(seed, 1))
				}
				h := listen(t, framesOf(4443, k.turns, rng), &Parser{Bodies: true, Secrets: logOf(k.log.Bytes())})
				h.wants(t, "ClientHello", "ServerHello", "HTTP: GET /one", "HTTP: HTTP/1.1 200", "ends, complete true", "HTTP: GET /two",
					"HTTP: HTTP/1.1 200", "ends, complete true")
				if c.MinVersion == tls.VersionTLS13 {
					h.wants(t, "EncryptedExtensions", "Finished", "Finished")
					if all := strings.Join(h.lines, "\n"); !strings.Contains(all, `Certificate "CN=a.example,O=Example"`) {
						t.Fatalf("no certificate in\n%s", all)
					}
				}
				if n := len(h.bodies["backward 0"]) + len(h.bodies["backward 1"]); n != 2*2000*len(secretBody) {
					t.Fatalf("bodies of %d bytes", n)
				}
			}
		})
	}
}

// TestNotOpened has no secrets, or those of another: what is missing is said once, and nothing is opened.
func TestNotOpened(t *testing.T) {
	k := talkTLS(t, &tls.Config{}, &tls.Config{}, askHTTP, answerHTTP)
	random := fmt.Sprintf("%x", k.turns[0].data[11:43])
	other := bytes.Clone(k.log.Bytes())
	for i, line := range bytes.Split(other, []byte("\n")) {
		if words := bytes.Fields(line); len(words) == 3 { // the secrets of another session under this name
			words[2][i%60] ^= 3
		}
	}
	for name, c := range map[string]struct {
		log   []byte
		turns []turn
		want  string
	}{
		"none":   {nil, k.turns, "no secrets of client random " + random},
		"wrong":  {other, k.turns, "do not open"},
		"middle": {k.log.Bytes(), k.turns[4:], "the ClientHello was not seen"},
	} {
		why, sealed := map[flow.Direction]string{}, 0
		p := &Parser{Secrets: logOf(c.log)}
		follow(framesOf(443, c.turns, nil), p, func(m *Message) {
			if m.Decrypted {
				t.Errorf("%s: something was opened", name)
			}
			if m.Sealed {
				sealed++
			}
			if m.Why != "" {
				if why[m.Direction] != "" {
					t.Errorf("%s: said twice: %s", name, m.Why)
				}
				why[m.Direction] = m.Why
			}
		})
		if !strings.Contains(why[flow.Forward], c.want) || sealed < 4 {
			t.Errorf("%s: %q of %d records, not %q", name, why, sealed, c.want)
		}
	}
}

// follow hands each message of frames to see.
func follow(frames []capture.Frame, p *Parser, see func(*Message)) {
	tracker := flow.NewTracker(&flow.Config{Reassemble: true})
	dec := newDecoding()
	each := func(r *flow.Result) {
		for i := range r.Chunks {
			for _, m := range p.Add(&r.Chunks[i]) {
				see(&m)
			}
		}
		for _, s := range r.Ended {
			for _, m := range p.End(s) {
				see(&m)
			}
		}
	}
	for _, f := range frames {
		r := tracker.Add(dec.decode(f))
		each(&r)
	}
	r := tracker.Finish()
	each(&r)
}

// TestPlainStream hands out what is said, with the packets that it came in.
func TestPlainStream(t *testing.T) {
	k := talkTLS(t, &tls.Config{}, &tls.Config{}, askHTTP, answerHTTP)
	var said [2][]byte
	rng := mrand.New(mrand.NewPCG(3, 1))
	follow(framesOf(4443, k.turns, rng), &Parser{Plain: true, Secrets: logOf(k.log.Bytes())}, func(m *Message) {
		if m.Part != Plain {
			return
		}
		if m.Offset != int64(len(said[m.Direction])) || m.PacketCount == 0 || !slices.IsSorted(m.Packets) {
			t.Fatalf("a piece at %d of %d, from packets %v", m.Offset, len(said[m.Direction]), m.Packets)
		}
		said[m.Direction] = append(said[m.Direction], m.Data...)
	})
	if !bytes.HasPrefix(said[0], []byte("GET /one HTTP/1.1\r\n")) || bytes.Count(said[1], []byte(secretBody)) != 4000 {
		t.Errorf("said %.100q and %d bytes", said[0], len(said[1]))
	}
}

func TestOpenedDNS(t *testing.T) {
	query := unhexed(t, "001d000101000001000000000000036f6e65076578616d706c650000010001")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		k := talkTLS(t, &tls.Config{MaxVersion: version}, &tls.Config{},
			func(c net.Conn) error {
				if _, err := c.Write(query); err != nil {
					return err
				}
				_, err := io.ReadFull(c, make([]byte, len(query)))
				return err
			},
			func(c net.Conn) error {
				if _, err := io.ReadFull(c, make([]byte, len(query))); err != nil {
					return err
				}
				_, err := c.Write(query)
				return err
			})
		h := listen(t, framesOf(wire.PortDNSOverTLS, k.turns, nil), &Parser{Secrets: logOf(k.log.Bytes())})
		h.wants(t, "1+ A? one.example")
	}
}

// TestResumed opens a session that goes on with the secrets of one before, which crypto/tls does not log again in TLS 1.2.
func TestResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(4), MaxVersion: version}
		server := &tls.Config{Certificates: []tls.Certificate{certificate(t, 0)}}
		server.SetSessionTicketKeys([][32]byte{{1}})
		resumed := false
		ask := func(c net.Conn) error {
			err := askHTTP(c)
			resumed = c.(*tls.Conn).ConnectionState().DidResume
			return err
		}
		before := talkTLS(t, client, server, ask, answerHTTP)
		k := talkTLS(t, client, server, ask, answerHTTP)
		if !resumed {
			t.Fatal("it was not resumed")
		}
		secrets := logOf(append(before.log.Bytes(), k.log.Bytes()...))
		follow(framesOf(4443, before.turns, nil), &Parser{Secrets: secrets}, func(*Message) {})
		h := listen(t, framesOf(4443, k.turns, nil), &Parser{Secrets: secrets})
		h.wants(t, "HTTP: GET /one", "HTTP: GET /two")
	}
}

// TestGapsInSealed loses segments: what follows opens again, as the numbers of records are searched.
func TestGapsInSealed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		k := talkTLS(t, &tls.Config{MaxVersion: version}, &tls.Config{}, askHTTP, answerHTTP)
		frames := framesOf(4443, k.turns, nil)
		for drop := 12; drop < len(frames)-30; drop += 7 {
			lost := slices.Delete(slices.Clone(frames), drop, drop+1+drop%3)
			requests, answers := 0, 0
			follow(lost, &Parser{Secrets: logOf(k.log.Bytes())}, func(m *Message) {
				if m.HTTP != nil && m.Decrypted && m.Part != Ends {
					if m.HTTP.Request {
						requests++
					} else {
						answers++
					}
				}
			})
			if requests < 1 || answers < 1 {
				t.Errorf("%#x: without packets from %d on: %d requests and %d answers", version, drop, requests, answers)
			}
		}
	}
}

// sealer is one side of TLS 1.3 as RFC 8446 sections 5.2 and 7.3 say, to make what crypto/tls does not send.
type sealer struct {
	id     uint16
	secret []byte
	number uint64
}

func (s *sealer) hash() func() hash.Hash {
	if s.id == 0x1302 {
		return sha512.New384
	}
	return sha256.New
}

func (s *sealer) expand(label string, n int) []byte {
	b, err := hkdf.Expand(s.hash(), s.secret, string([]byte{0, byte(n), byte(6 + len(label))})+"tls13 "+label+"\x00", n)
	if err != nil {
		panic(err)
	}
	return b
}

// seal makes a record, with padding.
func (s *sealer) seal(kind byte, data []byte, padding int) []byte {
	var aead cipher.AEAD
	switch s.id {
	case 0x1303:
		aead, _ = chacha20poly1305.New(s.expand("key", 32))
	default:
		block, _ := aes.NewCipher(s.expand("key", map[uint16]int{0x1301: 16, 0x1302: 32}[s.id]))
		aead, _ = cipher.NewGCM(block)
	}
	nonce := s.expand("iv", 12)
	for i := range 8 {
		nonce[11-i] ^= byte(s.number >> (8 * i))
	}
	s.number++
	inner := append(append(bytes.Clone(data), kind), make([]byte, padding)...)
	header := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+16))
	return aead.Seal(header, nonce, inner, header)
}

func (s *sealer) update() {
	s.secret, s.number = s.expand("traffic upd", len(s.secret)), 0
}

// TestKeyUpdates has all suites of TLS 1.3, records with padding, and secrets that are updated.
func TestKeyUpdates(t *testing.T) {
	for _, id := range []uint16{0x1301, 0x1302, 0x1303} {
		random := strings.Repeat("\x42", 32)
		hello := "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + random + "\x00\x00\x02" + string([]byte{byte(id >> 8), byte(id)}) + "\x01\x00"
		answer := "\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03" + strings.Repeat("\x43", 32) + "\x00" + string([]byte{byte(id >> 8), byte(id)}) +
			"\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
		size := 32
		if id == 0x1302 {
			size = 48
		}
		var log strings.Builder
		sealers := map[string]*sealer{}
		for i, label := range []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"} {
			secret := bytes.Repeat([]byte{byte(i + 1)}, size)
			fmt.Fprintf(&log, "%s %x %x\n", label, random, secret)
			sealers[label] = &sealer{id: id, secret: secret}
		}
		done := append([]byte{20, 0, 0, byte(size)}, make([]byte, size)...)
		c, s := sealers["CLIENT_TRAFFIC_SECRET_0"], sealers["SERVER_TRAFFIC_SECRET_0"]
		turns := []turn{
			{flow.Forward, []byte(hello)}, {flow.Backward, []byte(answer)},
			{flow.Backward, sealers["SERVER_HANDSHAKE_TRAFFIC_SECRET"].seal(22, done, 3)},
			{flow.Forward, sealers["CLIENT_HANDSHAKE_TRAFFIC_SECRET"].seal(22, done, 0)},
			{flow.Forward, c.seal(23, []byte("GET /before HTTP/1.1\r\n\r\n"), 40)},
			{flow.Forward, c.seal(22, []byte{24, 0, 0, 1, 1}, 0)},
		}
		c.update()
		turns = append(turns, turn{flow.Forward, c.seal(23, []byte("GET /behind HTTP/1.1\r\n\r\n"), 0)},
			turn{flow.Forward, c.seal(22, []byte{24, 0, 0, 1, 0}, 0)})
		c.update()
		turns = append(turns, turn{flow.Forward, c.seal(23, []byte("GET /last HTTP/1.1\r\n\r\n"), 0)},
			turn{flow.Backward, s.seal(23, []byte("HTTP/1.1 204 No Content\r\n\r\n"), 1)}, turn{flow.Backward, s.seal(21, []byte{1, 0}, 0)})
		h := listen(t, framesOf(4443, turns, nil), &Parser{Secrets: logOf([]byte(log.String()))})
		h.wants(t, "Finished", "Finished", "GET /before", "KeyUpdate", "GET /behind", "KeyUpdate", "GET /last", "204 No Content", "Alert 0 close_notify")
	}
}

// TestMutatedSealed changes bytes of sealed conversations: no panic, and bounds are kept.
func TestMutatedSealed(t *testing.T) {
	rng := mrand.New(mrand.NewPCG(5, 6))
	var talks []*secretTalk
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		talks = append(talks, talkTLS(t, &tls.Config{MaxVersion: version}, &tls.Config{},
			func(c net.Conn) error { return askOne(c) }, answerOne))
	}
	for range 1500 {
		k := talks[rng.IntN(2)]
		turns := slices.Clone(k.turns)
		for range 1 + rng.IntN(4) {
			i := rng.IntN(len(turns))
			b := bytes.Clone(turns[i].data)
			b[rng.IntN(min(len(b), 1+rng.IntN(len(b))))] ^= 1 << rng.IntN(8)
			turns[i].data = b
		}
		frames := framesOf(4443, turns, nil)
		if rng.IntN(2) == 0 {
			i := rng.IntN(len(frames))
			frames = slices.Delete(frames, i, i+1)
		}
		listen(t, frames, &Parser{Secrets: logOf(k.log.Bytes()), Bodies: rng.IntN(2) == 0})
	}
}

func askOne(c net.Conn) error {
	if _, err := io.WriteString(c, "GET /one HTTP/1.1\r\n\r\n"); err != nil {
		return err
	}
	_, err := http.ReadResponse(bufio.NewReader(c), nil)
	return err
}

func answerOne(c net.Conn) error {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return err
	}
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	return err
}
