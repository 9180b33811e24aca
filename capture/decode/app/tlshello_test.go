package app_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// clientHello is what crypto/tls sends first.
func clientHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	a, b := net.Pipe()
	go func() {
		tls.Client(a, config).HandshakeContext(context.Background())
		a.Close()
	}()
	header := make([]byte, 5)
	if _, err := io.ReadFull(b, header); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(b, rest); err != nil {
		t.Fatal(err)
	}
	b.Close()
	return append(header, rest...)
}

func helloConfig() *tls.Config {
	return &tls.Config{ServerName: "name.example", NextProtos: []string{"h2", "http/1.1"}, InsecureSkipVerify: true}
}

// rendered is the line of a message, and its fields as "key: value or name".
func rendered(kind decode.Type, data []byte) (line string, fields map[string][]string) {
	var p decode.Packet
	p.SetMessage(kind, capture.Frame{Data: data, Length: len(data)})
	b, _ := app.Renderer{}.AppendLine(nil, &p, 0)
	fields = map[string][]string{}
	for _, f := range (app.Renderer{}).AppendFields(nil, &p, 0) {
		v := f.Note
		if v == "" {
			v = string(f.Bytes)
		}
		fields[f.Key] = append(fields[f.Key], v)
	}
	return string(b), fields
}

func TestHelloNames(t *testing.T) {
	line, fields := rendered(decode.TypeTLS, clientHello(t, helloConfig()))
	if want := `TLS ClientHello TLS 1.3 SNI "name.example" ALPN "h2" ALPN "http/1.1"`; line != want {
		t.Errorf("got %s\nwant %s", line, want)
	}
	for key, want := range map[string]string{
		"tls.handshake.ciphersuite": "TLS_AES_128_GCM_SHA256", "tls.handshake.extension.type": "server_name",
		"tls.handshake.extensions_supported_group": "X25519MLKEM768", "tls.handshake.sig_hash_alg": "ed25519",
		"tls.handshake.extensions_key_share_group": "x25519", "tls.handshake.extensions_ec_point_format": "uncompressed",
		"tls.handshake.extensions.supported_version": "TLS 1.3",
	} {
		if !slices.Contains(fields[key], want) {
			t.Errorf("%s has %q, not %s", key, fields[key], want)
		}
	}
}

// split puts the inside of a record into records of n bytes.
func split(record []byte, n int) (b []byte) {
	for part := range slices.Chunk(record[5:], n) {
		b = append(b, record[:3]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return b
}

// TestHelloInSeveralRecords has a ClientHello whose names lie beyond its first record.
func TestHelloInSeveralRecords(t *testing.T) {
	record := clientHello(t, helloConfig())
	for _, n := range []int{60, 100, 150, 400, len(record) - 6} {
		line, fields := rendered(decode.TypeTLS, split(record, n))
		if line != `TLS ClientHello TLS 1.3 SNI "name.example" ALPN "h2" ALPN "http/1.1"` {
			t.Errorf("%d: %s", n, line)
		}
		if got := fields["tls.handshake.extensions_server_name"]; len(got) != 1 || got[0] != "name.example" {
			t.Errorf("%d: names %q", n, got)
		}
	}
}

func TestCipherSuitesAreInOrder(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		data := []byte("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + strings.Repeat("\x11", 32) + "\x00\x00\x00\x00")
		binary.BigEndian.PutUint16(data[len(data)-3:], s.ID)
		if line, _ := rendered(decode.TypeTLS, data); !strings.HasSuffix(line, " cipher "+s.Name) {
			t.Errorf("%#04x: %s, not %s", s.ID, line, s.Name)
		}
	}
}

// mutate changes some bytes of data, and may cut it.
func mutate(rng *rand.Rand, data []byte) []byte {
	b := slices.Clone(data)
	for range 1 + rng.IntN(6) {
		switch i := rng.IntN(len(b)); rng.IntN(3) {
		case 0:
			b[i] ^= 1 << rng.IntN(8)
		case 1:
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff}[rng.IntN(5)]
		default:
			b[i] = byte(rng.Uint32())
		}
	}
	if rng.IntN(3) == 0 {
		b = b[:1+rng.IntN(len(b))]
	}
	return b
}

// unguarded renders without the recovery of panics that Renderer has: rendering must not need it.
func unguarded(t *testing.T, kind decode.Type, data []byte) {
	t.Helper()
	var p decode.Packet
	p.SetMessage(kind, capture.Frame{Data: data, Length: len(data)})
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%v of %x: %v", kind, data, r)
		}
	}()
	app.Unguarded(&p)
}

func TestMutatedTLS(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	record := clientHello(t, helloConfig())
	inputs := [][]byte{record, split(record, 60), append(split(record, 200), record...)}
	for range 60000 {
		unguarded(t, decode.TypeTLS, mutate(rng, inputs[rng.IntN(len(inputs))]))
	}
}
