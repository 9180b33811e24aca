// Package keylog opens the records of TLS 1.2 and 1.3 with the secrets that one of the ends has logged, in the format
// that SSLKEYLOGFILE names (draft-ietf-tls-keylogfile) and that pcapng has in its Decryption Secrets Blocks.
//
// A Log holds secrets, a Session follows one connection. Package message uses both.
package keylog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Bounds of a Log.
const (
	MaxSessions = 1 << 20 // whose secrets are kept; those beyond are counted as Left
	maxLine     = 4096
	maxSecret   = 64 // bytes; those of TLS have 48 or less
	maxResumed  = 1 << 14
)

// Random is that of a ClientHello: it names the session.
type Random [32]byte

// String returns the random in hexadecimal.
func (r Random) String() string { return hex.EncodeToString(r[:]) }

// secret is one of those that a line of a log gives.
type secret uint8

const (
	master secret = iota // of TLS 1.2 and earlier
	clientEarly
	clientHandshake
	serverHandshake
	clientTraffic
	serverTraffic
	numSecrets
)

var labels = map[string]secret{
	"CLIENT_RANDOM": master, "CLIENT_EARLY_TRAFFIC_SECRET": clientEarly,
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET": clientHandshake, "SERVER_HANDSHAKE_TRAFFIC_SECRET": serverHandshake,
	"CLIENT_TRAFFIC_SECRET_0": clientTraffic, "SERVER_TRAFFIC_SECRET_0": serverTraffic,
}

// secrets are those of a session, nil where they are not known.
type secrets [numSecrets][]byte

// Log holds the secrets of sessions. The zero value is empty. Several goroutines may use it at once.
type Log struct {
	mu       sync.Mutex
	sessions map[Random]*secrets
	counts   Counts
	resumed  map[Random][]byte // master secrets of TLS 1.2, by the ids and tickets that go on with them
	version  atomic.Uint64     // grows with what is added
	file     *os.File          // that may grow; nil for none
	rest     []byte            // of its last line, which has no end
	size     int64             // of the file when it was read last
}

// Counts says what is in a Log.
type Counts struct {
	Sessions int
	Other    int // lines that are none of secrets of TLS: with other labels, or wrong
	Left     int // lines left out for there are MaxSessions
}

// Open opens a file of secrets and reads it. It may grow: what a program adds to it is read when a session asks for
// secrets that are not known. The error of a file without any line of secrets but with others names the first of them.
func Open(name string) (*Log, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	l := &Log{file: f}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() { // a pipe ends; it is read once
		defer f.Close()
		l.file = nil
		if err == nil {
			err = l.Read(f)
		}
		return l, l.checked(name, err)
	}
	return l, l.checked(name, l.more())
}

// checked is the error of reading a file.
func (l *Log) checked(name string, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case l.counts.Sessions == 0 && l.counts.Other > 0:
		return fmt.Errorf("%s: none of its %d lines is a secret of TLS, such as CLIENT_RANDOM and two numbers in hexadecimal", name, l.counts.Other)
	}
	return nil
}

// Close closes the file. What is known stays.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// Counts returns what is in the Log.
func (l *Log) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Any tells whether there are secrets.
func (l *Log) Any() bool { return l.version.Load() > 0 }

// Read adds what r holds to its end.
func (l *Log) Read(r io.Reader) error {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			l.counted(func() { l.counts.Other++ })
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			line = nil
		}
		l.Add(line)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *Log) counted(add func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add()
}

// Add adds lines, such as the data of a Decryption Secrets Block.
func (l *Log) Add(text []byte) {
	l.counted(func() {
		for line := range bytes.Lines(text) {
			l.line(line)
		}
	})
}

// line adds one. The caller holds mu.
func (l *Log) line(b []byte) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] == '#' {
		return
	}
	words := bytes.Fields(b[:min(len(b), maxLine)])
	var random Random
	if len(words) != 3 || len(words[1]) != 64 || len(words[2]) > 2*maxSecret || len(words[2]) < 64 {
		l.counts.Other++
		return
	}
	kind, known := labels[string(words[0])]
	value, err := hex.DecodeString(string(words[2]))
	if _, err2 := hex.Decode(random[:], words[1]); !known || err != nil || err2 != nil || kind == master && len(value) != 48 {
		l.counts.Other++
		return
	}
	s := l.sessions[random]
	if s == nil {
		if len(l.sessions) >= MaxSessions {
			l.counts.Left++
			return
		}
		if l.sessions == nil {
			l.sessions = make(map[Random]*secrets)
		}
		s = new(secrets)
		l.sessions[random] = s
		l.counts.Sessions++
	}
	s[kind] = value
	l.version.Add(1)
}

// more reads what was added to the file.
func (l *Log) more() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	info, err := l.file.Stat()
	if err != nil || info.Size() == l.size {
		return err
	}
	if info.Size() < l.size { // it was begun anew
		l.rest = nil
		if _, err := l.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	l.size = info.Size()
	in := bufio.NewReaderSize(io.LimitReader(l.file, 1<<30), 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		l.rest = append(l.rest, line[:min(len(line), max(2*maxLine-len(l.rest), 0))]...)
		if err == nil {
			l.line(l.rest)
			l.rest = l.rest[:0]
		}
		if err == io.EOF {
			if len(l.rest) > 0 && wholeLine(l.rest) { // a last line without its end
				l.line(l.rest)
			}
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// wholeLine tells whether a line without an end can be one: its secret is as long as those of TLS are.
func wholeLine(b []byte) bool {
	words := bytes.Fields(b)
	return len(words) == 3 && (len(words[2]) == 64 || len(words[2]) == 96)
}

// find returns the secrets of a session, nil where there are none. What is in it may grow.
func (l *Log) find(r Random) (s secrets, ok bool) {
	l.mu.Lock()
	found := l.sessions[r]
	if found != nil {
		s = *found
	}
	l.mu.Unlock()
	return s, found != nil
}

// remember keeps which master secret a later connection goes on with that names this id, or shows this ticket: programs
// do not log it again.
func (l *Log) remember(id, master []byte) {
	if len(id) == 0 || len(master) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resumed == nil || len(l.resumed) >= maxResumed {
		l.resumed = make(map[Random][]byte)
	}
	l.resumed[sha256.Sum256(id)] = master
}

// recall returns the master secret that goes with an id or a ticket.
func (l *Log) recall(id []byte) []byte {
	if len(id) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resumed[sha256.Sum256(id)]
}
