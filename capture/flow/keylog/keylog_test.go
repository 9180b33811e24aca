package keylog

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	firstRandom = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	secretText  = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
)

func TestLines(t *testing.T) {
	var l Log
	text := "# a comment\n\nCLIENT_TRAFFIC_SECRET_0 " + firstRandom + " " + secretText + "\r\n" +
		"server_traffic_secret_0 " + firstRandom + " " + secretText + "\n" + // another label
		"CLIENT_RANDOM " + firstRandom + " " + secretText + "\n" + // not 48 bytes
		"CLIENT_RANDOM " + firstRandom + " zz\nCLIENT_RANDOM " + strings.Repeat("a", 10000) + "\n" +
		"CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48)
	if err := l.Read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if got, want := l.Counts(), (Counts{Sessions: 2, Other: 4}); got != want {
		t.Errorf("counts %+v, not %+v", got, want)
	}
	if s, ok := l.find(Random(bytes.Repeat([]byte{0xab}, 32))); !ok || len(s[master]) != 48 {
		t.Error("the last line is missing")
	}
}

// TestGrows reads what is added to a file after it was opened.
func TestGrows(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	write := func(flag int, text string) {
		f, err := os.OpenFile(name, flag|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "# nothing yet\nCLIENT_TRAFFIC_SECRET_0 "+firstRandom[:10])
	l, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := Session{Log: l}
	s.Handshake(true, append([]byte{1, 0, 0, 34, 3, 3}, bytes.Repeat([]byte{0x11}, 32)...))
	if s.look() {
		t.Error("found what is not there")
	}
	write(os.O_APPEND, firstRandom[10:]+" "+secretText+"\nSERVER_TRAFFIC_SECRET_0 "+strings.Repeat("11", 32)+" "+secretText)
	if !s.look() || s.secrets[serverTraffic] == nil {
		t.Errorf("what was added is not found: %+v", l.Counts())
	}
	if n := l.Counts().Sessions; n != 2 {
		t.Errorf("%d sessions", n)
	}
}

func TestNoSecretsAtAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); err == nil || !strings.Contains(err.Error(), "none of its 1 lines") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(name + "x"); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}

// FuzzSession takes any handshake messages and records: no panic, and what is opened is no longer than what was sealed.
func FuzzSession(f *testing.F) {
	f.Add([]byte("CLIENT_TRAFFIC_SECRET_0 "+firstRandom+" "+secretText), []byte{1, 0, 0, 34, 3, 3}, []byte{2, 0, 0, 0}, []byte{23, 3, 3, 0, 0})
	f.Fuzz(func(t *testing.T, log, client, server, record []byte) {
		l := new(Log)
		if err := l.Read(bytes.NewReader(log)); err != nil {
			t.Fatal(err)
		}
		s := Session{Log: l}
		s.Handshake(true, client)
		s.Handshake(false, server)
		for _, c := range []bool{true, false} {
			s.Lost(c)
			s.ChangeCipherSpec(c)
			if _, plain, _ := s.Open(c, record, nil); len(plain) > len(record) {
				t.Errorf("%d bytes out of %d", len(plain), len(record))
			}
			s.Why(c)
			s.Protocol()
		}
	})
}
