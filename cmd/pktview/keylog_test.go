package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/wire"
)

// spoken is what an end of a connection writes.
type spoken struct {
	net.Conn
	client bool
	say    func(client bool, b []byte)
}

func (c *spoken) Write(b []byte) (int, error) {
	c.say(c.client, b)
	return c.Conn.Write(b)
}

// secretly are the frames of a request and its answer inside of TLS, and what the client logs.
func secretly(t testing.TB) (frames []capture.Frame, log []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: start.AddDate(10, 0, 0), DNSNames: []string{"a.example"}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer a.Close()
	b, err := l.Accept()
	must(t, err)
	defer b.Close()
	for _, c := range []net.Conn{a, b} {
		must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	}
	type turn struct {
		client bool
		data   []byte
	}
	turns := make(chan turn, 1000)
	say := func(client bool, b []byte) { turns <- turn{client, bytes.Clone(b)} }
	var text bytes.Buffer
	client := tls.Client(&spoken{a, true, say}, &tls.Config{InsecureSkipVerify: true, ServerName: "a.example", KeyLogWriter: &text})
	server := tls.Server(&spoken{b, false, say}, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	done := make(chan error, 1)
	go func() {
		_, err := http.ReadRequest(bufio.NewReader(server))
		if err == nil {
			_, err = io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\na secret\n")
		}
		done <- err
	}()
	_, err = io.WriteString(client, "GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n")
	must(t, err)
	_, err = io.ReadFull(client, make([]byte, 73))
	must(t, err)
	must(t, <-done)
	close(turns)
	c := &tape{t: t, at: start}
	x, y := c.connect(40000, 443)
	for s := range turns {
		for part := range slices.Chunk(s.data, 1200) {
			if s.client {
				x.send(wire.ACK|wire.PSH, string(part))
			} else {
				y.send(wire.ACK|wire.PSH, string(part))
			}
		}
	}
	return c.frames, text.Bytes()
}

// secretsBlock is a Decryption Secrets Block.
func secretsBlock(log []byte) []byte {
	padded := append(bytes.Clone(log), make([]byte, -len(log)&3)...)
	n := uint32(20 + len(padded))
	var b []byte
	for _, v := range []uint32{uint32(capture.BlockSecrets), n, uint32(capture.SecretsTLS), uint32(len(log))} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return binary.LittleEndian.AppendUint32(append(b, padded...), n)
}

func TestKeylog(t *testing.T) {
	dir := t.TempDir()
	frames, log := secretly(t)
	write(t, filepath.Join(dir, "tls.pcap"), frames)
	write(t, filepath.Join(dir, "tls.pcapng"), frames)
	keys := filepath.Join(dir, "keys")
	must(t, os.WriteFile(keys, log, 0o600))
	none := filepath.Join(dir, "none")
	must(t, os.WriteFile(none, bytes.Replace(log, log[len("CLIENT_HANDSHAKE_TRAFFIC_SECRET "):][:8], []byte("00000000"), -1), 0o600))
	plain, err := os.ReadFile(filepath.Join(dir, "tls.pcapng"))
	must(t, err)
	at := bytes.Index(plain, []byte{6, 0, 0, 0}) // the first packet
	must(t, os.WriteFile(filepath.Join(dir, "own.pcapng"), slices.Concat(plain[:at], secretsBlock(log), plain[at:]), 0o644))
	inDir(t, dir, "-r", "own.pcapng", "-w", "copied.pcapng", "tcp port 443")

	has := func(args []string, want ...string) {
		t.Helper()
		got := inDir(t, dir, args...)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%v: no %q in\n%s", args, w, got)
			}
		}
	}
	inside := []string{": decrypted HTTP: GET /hidden HTTP/1.1", ": decrypted TLS EncryptedExtensions", ": decrypted HTTP: HTTP/1.1 200 OK"}
	has([]string{"-r", "tls.pcap", "--keylog", keys}, inside...)
	has([]string{"-r", "own.pcapng"}, inside...)
	has([]string{"-r", "copied.pcapng"}, inside...)
	has([]string{"-r", "tls.pcap", "--keylog", keys, "--json"}, `"method":"GET","uri":"/hidden"`, `"decrypted":true`)
	has([]string{"-r", "tls.pcap", "--keylog", keys, "--follow", "0"}, ", decrypted\n> GET /hidden HTTP/1.1\n", "< HTTP/1.1 200 OK\n", "< a secret\n")
	has([]string{"-r", "own.pcapng", "--follow", "0", "--follow-as", "raw", "--side", "server"}, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\na secret\n")
	has([]string{"-r", "tls.pcap", "--keylog", keys, "--follow", "0", "--follow-as", "json"}, `"decrypted":true,"offset":0`)
	has([]string{"-r", "tls.pcap", "--keylog", keys, "--extract", filepath.Join(dir, "bodies")}, "9 bytes, text/plain, of a.example/hidden")
	has([]string{"-r", "tls.pcap", "--keylog", none}, "[not decrypted: no secrets of client random ")
	has([]string{"-r", "tls.pcap", "--keylog", none, "--json"}, `"not_decrypted":"no secrets of client random `)
	has([]string{"-r", "tls.pcap", "--keylog", none, "--follow", "0"}, " bytes missing: not decrypted: no secrets of client random ")

	// A capture that is shared has no secrets.
	inDir(t, dir, "-r", "own.pcapng", "--share", "-w", "shared.pcapng")
	shared, err := os.ReadFile(filepath.Join(dir, "shared.pcapng"))
	must(t, err)
	if bytes.Contains(shared, []byte("TRAFFIC_SECRET")) {
		t.Error("the secrets are shared")
	}
	for _, args := range [][]string{
		{"-r", filepath.Join(dir, "tls.pcap"), "--keylog", filepath.Join(dir, "tls.pcap")},
		{"-r", filepath.Join(dir, "tls.pcap"), "--keylog", filepath.Join(dir, "absent")},
		{"-r", filepath.Join(dir, "tls.pcap"), "--keylog", keys, "--streams"},
	} {
		if _, stderr, code := clitest.Run(t, run, "", args...); code != 2 || !strings.Contains(stderr, "key") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}
